//! Documents of several devices, each of which has its own time: `{"attic":{"temperature":21.5,"time":1700000000},…}`.

use super::super::keys::SENSOR;
use super::candidate::Refusal;

/// Paths in which `*` stands for the members that differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StarPaths {
    pub temperature: String,
    pub time: String,
    /// The path of the member's name.
    pub key: String,
    /// The steps before the member.
    prefix: Vec<String>,
    members: Vec<String>,
}

impl StarPaths {
    /// Returns the paths, where those of each temperature and of its time differ in one member, which is the same.
    pub(super) fn of(pairs: &[(String, String)]) -> Option<Self> {
        let split = |path: &String| -> Option<Vec<String>> {
            // A step in quotes may hold a dot.
            (!path.contains('"')).then(|| path.split('.').map(str::to_owned).collect())
        };
        let temperatures = pairs.iter().map(|(path, _)| split(path)).collect::<Option<Vec<_>>>()?;
        let times = pairs.iter().map(|(_, path)| split(path)).collect::<Option<Vec<_>>>()?;
        let (first, second) = (temperatures.first()?, temperatures.get(1)?);
        let at = first.iter().zip(second).position(|(one, other)| one != other)?;
        let star = |paths: &[Vec<String>]| {
            let with_star = |path: &Vec<String>| {
                let mut path = path.clone();
                "*".clone_into(path.get_mut(at)?);
                Some(path.join("."))
            };
            let mut all = paths.iter().map(with_star);
            let first = all.next().flatten()?;
            all.all(|other| other.as_ref() == Some(&first)).then_some(first)
        };
        let is_same_member = temperatures.iter().zip(&times).all(|(one, other)| one.get(at) == other.get(at));
        let (temperature, time) = (star(&temperatures)?, star(&times)?);
        let is_inside = at + 1 < first.len() && is_same_member && first.iter().all(|step| step != "*");
        let members: Vec<_> = temperatures.iter().map(|path| path[at].clone()).collect();
        let has_array = members.iter().any(|member| member.contains('['));
        let prefix = first[..at].to_vec();
        let key = prefix.iter().map(String::as_str).chain(["*", "@key"]).collect::<Vec<_>>().join(".");
        (is_inside && !has_array).then_some(StarPaths { temperature, time, key, prefix, members })
    }

    /// Returns the source of the sensor: the one that was found, with the member's name unless it lies in the member.
    pub(super) fn sensor(&self, found: &str) -> String {
        let within = self.members.iter().find_map(|member| {
            let above = self.prefix.iter().chain([member]).map(String::as_str).collect::<Vec<_>>().join(".");
            Some((found.strip_prefix(&format!("{above}."))?, above))
        });
        match within {
            Some((rest, _)) => self.prefix.iter().map(String::as_str).chain(["*", rest]).collect::<Vec<_>>().join("."),
            None => format!("{found}+{}", self.key),
        }
    }
}

/// Returns why temperatures are not read that have a time each.
pub(super) fn one_by_one(pairs: &[(String, String)]) -> Refusal {
    let own: Vec<_> = pairs.iter().map(|(temperature, time)| format!("`{temperature}` that of `{time}`")).collect();
    let reason = format!("the temperatures have times of their own: {}", own.join(", "));
    let hint = |(temperature, time): &(String, String)| {
        format!(
            "`--map 'temperature={temperature}' --map 'current_time={time}'` puts one of them, as the sensor that `--sensor ID` names"
        )
    };
    Refusal { reason, hints: pairs.iter().map(hint).collect() }
}

/// Returns why several devices are not read as one sensor.
pub(super) fn not_one_sensor(key: &str) -> Refusal {
    Refusal {
        reason: "each member has a temperature and a time of its own, and all would be put as one sensor".to_owned(),
        hints: vec![format!("`--map '{SENSOR}={key}'` makes a sensor of each; leave `--sensor` out")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn star(pairs: &[(&str, &str)]) -> Option<StarPaths> {
        StarPaths::of(&pairs.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect::<Vec<_>>())
    }

    #[test]
    fn members_that_differ_are_a_star() {
        let found = star(&[("d.attic.t.value", "d.attic.ts"), ("d.cellar.t.value", "d.cellar.ts")]).unwrap();
        assert_eq!(
            (found.temperature.as_str(), found.time.as_str(), found.key.as_str()),
            ("d.*.t.value", "d.*.ts", "d.*.@key")
        );
        assert_eq!(found.sensor("d.attic.id"), "d.*.id");
        assert_eq!(found.sensor("id"), "id+d.*.@key");
        for pairs in [
            [("a.temp", "a.ts"), ("b.temperature", "b.ts")],
            [("a.temp", "a.ts"), ("b.temp", "b.time")],
            [("temp_a", "ts_a"), ("temp_b", "ts_b")],
            [("a.temp", "b.ts"), ("b.temp", "a.ts")],
        ] {
            assert_eq!(star(&pairs), None, "{pairs:?}");
        }
    }
}
