//! The form of times in tables.

use jiff::Zoned;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use sensor_model::Decimal;

use crate::pipeline::timestamp_of;

/// How tables show points in time.
#[derive(Clone, Debug, Default)]
pub struct TimeStyle {
    /// UTC by default.
    pub zone: Option<TimeZone>,
    pub format: TimeFormat,
}

/// The form of a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// `2010-01-01T01:00:00Z`, or with the offset of the zone.
    #[default]
    Rfc3339,
    /// Seconds since 1970.
    Seconds,
    /// A pattern of strftime.
    Pattern(String),
}

impl TimeFormat {
    /// Parses `rfc3339`, `seconds` or a pattern such as `%d.%m.%Y %H:%M`.
    ///
    /// # Errors
    /// If the text is not one of them.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "rfc3339" => return Ok(TimeFormat::Rfc3339),
            "seconds" => return Ok(TimeFormat::Seconds),
            _ if !text.contains('%') => {
                return Err("neither rfc3339 nor seconds nor a pattern such as '%Y-%m-%d %H:%M'".to_owned());
            }
            _ => {}
        }
        let sample = Zoned::new(jiff::Timestamp::UNIX_EPOCH, TimeZone::UTC);
        strtime::format(text, &sample).map_err(|error| error.to_string())?;
        Ok(TimeFormat::Pattern(text.to_owned()))
    }
}

impl TimeStyle {
    /// Returns the text of a time. One beyond the calendar is a number of seconds.
    #[must_use]
    pub(crate) fn text(&self, time: &Decimal) -> String {
        let seconds = || format!("{time} s");
        if self.format == TimeFormat::Seconds {
            return time.to_string();
        }
        let Some(moment) = timestamp_of(time) else { return seconds() };
        let pattern = match (&self.format, &self.zone) {
            (TimeFormat::Pattern(pattern), _) => pattern.as_str(),
            (_, None) => return moment.to_string(),
            (_, Some(_)) => "%Y-%m-%dT%H:%M:%S%.f%:z",
        };
        let zoned = moment.to_zoned(self.zone.clone().unwrap_or(TimeZone::UTC));
        strtime::format(pattern, &zoned).unwrap_or_else(|_| seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: &str, zone: Option<&str>, time: &str) -> String {
        let zone = zone.map(|zone| TimeZone::get(zone).unwrap());
        let style = TimeStyle { zone, format: TimeFormat::parse(format).unwrap() };
        style.text(&Decimal::parse(time).unwrap())
    }

    #[test]
    fn time_has_the_form_and_the_zone() {
        let berlin = Some("Europe/Berlin");
        assert_eq!(shown("rfc3339", None, "1262307600.5"), "2010-01-01T01:00:00.5Z");
        assert_eq!(shown("rfc3339", berlin, "1262307600"), "2010-01-01T02:00:00+01:00");
        assert_eq!(shown("rfc3339", berlin, "1277942400.25"), "2010-07-01T02:00:00.25+02:00");
        assert_eq!(shown("seconds", berlin, "1.50"), "1.5");
        assert_eq!(shown("%d.%m.%Y %H:%M", berlin, "1262307600"), "01.01.2010 02:00");
        assert_eq!(shown("%d.%m.%Y", None, "1E50"), "1E50 s");
        for wrong in ["iso", "%!", "%"] {
            assert!(TimeFormat::parse(wrong).is_err(), "{wrong}");
        }
    }
}
