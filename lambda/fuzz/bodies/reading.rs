//! Parses any bytes as a reading. A valid reading must survive a round trip within every limit.

use sensor_model::{Decimal, Reading};

pub fn check(bytes: &[u8]) {
    let Ok(reading) = Reading::from_json(bytes) else { return };
    assert_eq!(reading.check(), Ok(()));
    let json = reading.to_json();
    assert_eq!(Reading::from_json(json.as_bytes()).as_ref(), Ok(&reading));
    for number in [&reading.temperature, &reading.current_time] {
        assert_eq!(Decimal::parse(number.as_str()).as_ref(), Ok(number), "canonical text");
    }
}
