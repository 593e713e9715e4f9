//! A load: sensors, readings, and how far they may grow.

use serde::Serialize;

use super::arithmetic::Arithmetic;
use super::fixed::Fixed;
use super::limits::PARTITION_WRITES;
use crate::error::Error;
use crate::pipeline::ReadingSizes;

/// The load that the pipeline has to carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Sensors, which all send the same number of readings.
    pub sensors: u64,
    /// Readings a second of all sensors together, on average.
    pub rate: Fixed,
    /// Readings a second when there are most.
    pub peak: Fixed,
    /// Percent of the peak that must fit besides.
    pub headroom_percent: u64,
    /// The sizes of readings.
    pub sizes: ReadingSizes,
    /// Days that the table keeps a reading; nothing for good.
    pub retention_days: Option<u64>,
}

/// A load as it is shown.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LoadSummary {
    /// Sensors.
    pub sensors: u64,
    /// Readings a second on average.
    pub readings_per_second: Fixed,
    /// Readings a second at the peak.
    pub peak_readings_per_second: Fixed,
    /// Percent of the peak that must fit besides.
    pub headroom_percent: u64,
    /// Bytes of a reading as JSON.
    pub reading_bytes: Fixed,
    /// Bytes of its partition key.
    pub key_bytes: Fixed,
    /// Days that the table keeps a reading.
    pub retention_days: Option<u64>,
}

impl Load {
    /// Refuses a load that no settings carry.
    ///
    /// # Errors
    /// One sensor alone is too much.
    pub(super) fn check(&self) -> Result<(), Error> {
        let writes = self.sensor_writes(self.demand());
        if writes.value() <= Fixed::whole(PARTITION_WRITES) {
            return Ok(());
        }
        Err(Error::usage(format!(
            "one sensor takes {} write units a second ({writes}), and a partition of the table takes {PARTITION_WRITES}",
            writes.value().tidy()
        ))
        .hint("no setting changes that: give the readings more sensor ids (`--sensors`)"))
    }

    /// Returns the readings a second that must fit: those of the peak, and the headroom.
    pub(super) fn demand(&self) -> Arithmetic {
        let factor = Fixed::ratio(100 + self.headroom_percent, 100);
        Arithmetic::of(self.peak, "readings/s at the peak").times(factor, "with headroom")
    }

    /// Returns the write units a second of one sensor.
    pub(super) fn sensor_writes(&self, readings: Arithmetic) -> Arithmetic {
        let sensors = Fixed::whole(self.sensors);
        let each = if self.sensors == 1 { readings } else { readings.over(sensors, "sensors") };
        each.times_count(self.write_units(), "write unit")
    }

    /// Returns the average bytes of a reading's JSON.
    pub(super) fn data(&self) -> Fixed {
        self.average(self.sizes.data_bytes)
    }

    /// Returns the average bytes of a partition key.
    pub(super) fn key(&self) -> Fixed {
        self.average(self.sizes.key_bytes)
    }

    /// Returns the average PUT units of a record for each reading.
    pub(super) fn put_units(&self) -> Fixed {
        self.average(self.sizes.put_units)
    }

    /// Returns the average bytes of such a record, rounded up to 1 KB.
    pub(super) fn rounded(&self) -> Fixed {
        self.average(self.sizes.rounded_bytes)
    }

    /// Returns the average write units of an item.
    pub(super) fn write_units(&self) -> Fixed {
        self.average(self.sizes.write_units)
    }

    /// Returns the average bytes of an item.
    pub(super) fn item(&self) -> Fixed {
        self.average(self.sizes.item_bytes)
    }

    fn average(&self, sum: u64) -> Fixed {
        Fixed::ratio(sum, self.sizes.readings).tidy()
    }

    /// Returns what is shown of it.
    pub(super) fn summary(&self) -> LoadSummary {
        LoadSummary {
            sensors: self.sensors,
            readings_per_second: self.rate,
            peak_readings_per_second: self.peak,
            headroom_percent: self.headroom_percent,
            reading_bytes: self.data(),
            key_bytes: self.key(),
            retention_days: self.retention_days,
        }
    }
}
