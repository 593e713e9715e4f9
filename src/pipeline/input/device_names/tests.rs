//! Names and values that are those of devices.

use super::*;

fn column(name: &str, values: &[&str]) -> DeviceColumn {
    DeviceColumn::named(name).unwrap().with(values.iter().copied())
}

#[test]
fn names_of_devices_are_known_by_their_words() {
    for name in [
        "serial",
        "node_id",
        "dev",
        "probe",
        "thing",
        "clientId",
        "hostname",
        "Logger SN",
        "S/N",
        "Serial Number",
        "Device Name",
        "devEUI",
        "connectionDeviceId",
        "stations_id",
        "entity_id",
        "mac",
        "room",
        "Sensor #",
        "Gerät",
        "Seriennummer",
    ] {
        assert!(DeviceColumn::named(name).is_some_and(|column| !column.is_weak()), "{name}");
    }
    for name in ["name", "id", "channel", "channel_id", "model"] {
        assert!(DeviceColumn::named(name).is_some_and(|column| column.is_weak()), "{name}");
    }
    for name in [
        "entry_id",
        "message_id",
        "user_id",
        "sensor_type",
        "sensor1",
        "device_time",
        "probe temp",
        "number",
        "status",
        "field1",
        "",
        "applicationId",
    ] {
        assert!(DeviceColumn::named(name).is_none(), "{name}");
    }
    assert!(DeviceColumn::at_path("sensors[].name").is_some_and(|column| !column.is_weak()));
    assert!(DeviceColumn::at_path("weather[].name").is_some_and(|column| column.is_weak()));
    assert!(rank("sensor_id") < rank("device") && rank("device_id") < rank("device_name"));
    assert!(rank("mac") < rank("room") && rank("room") < rank("host") && rank("host") < rank("name"));
}

#[test]
fn values_tell_devices_from_numbers_of_rows_and_measured_ones() {
    assert!(column("dev", &["a1f3", "4711", "a1f3"]).names_several());
    assert!(column("id", &["12", "7", "12"]).names_several());
    assert!(!column("id", &["1", "2", "3"]).names_several(), "it counts the rows");
    assert!(!column("id", &["8f", "c1", "09", "7e"]).names_several(), "it is another in each row");
    let many: Vec<_> = (1..=3000).map(|id| (id * 7).to_string()).collect();
    let many = |name: &str| DeviceColumn::named(name).unwrap().with(many.iter().map(String::as_str));
    assert!(!many("id").names_several(), "it is another in each of more rows than are kept");
    assert!(many("node").names_several());
    assert!(!column("sensor", &["21.5", "21.6"]).names_several(), "it is measured");
    assert!(!column("serial", &["100", "", ""]).may_be_sensor(), "it stands in one row only");
    assert!(column("serial", &["100", "100"]).may_be_sensor() && !column("name", &["x", "x"]).may_be_sensor());
}

#[test]
fn numbers_of_rows_are_no_devices_whatever_they_are_called() {
    for name in ["SN", "S/N", "Serial No", "Serial Number", "serial", "Serial #", "serialno"] {
        assert!(!column(name, &["1", "2", "3"]).names_several(), "{name}");
        assert!(!column(name, &["0", "1", "2"]).names_several(), "{name}");
        assert!(column(name, &["1", "2", "2"]).names_several(), "{name}: one comes twice");
        assert!(column(name, &["1", "2", "4"]).names_several(), "{name}: it leaves one out");
        assert!(column(name, &["7", "8", "9"]).names_several(), "{name}: it begins elsewhere");
        assert_eq!(column(name, &["1"]).certain_device(), None, "{name}: more may follow");
        assert_eq!(column(name, &["4711"]).certain_device(), Some("4711"), "{name}");
    }
    for name in ["sensor", "node_id", "Logger SN", "Sensor #"] {
        assert!(column(name, &["1", "2", "3"]).names_several(), "{name}: one row of each sensor");
    }
    assert!(!DeviceColumn::at_path("rows[].sn").unwrap().with(["1", "2", "3"].into_iter()).names_several());
}

#[test]
fn column_of_several_devices_goes_before_one_with_a_better_name() {
    let sources = |columns: &[(&str, &[&str])]| {
        sensor_sources(columns.iter().map(|(name, values)| ((*name).to_owned(), column(name, values))))
    };
    assert_eq!(sources(&[("station", &["a", "a"]), ("probe", &["1", "2"])]), ["probe"]);
    assert_eq!(sources(&[("probe", &["1", "2", "1"]), ("site", &["a", "b", "a"])]), ["probe", "probe+site"]);
    assert_eq!(sources(&[("model", &["x", "y", "y"]), ("id", &["7", "7", "7"])])[0], "model+id");
    assert!(sources(&[("name", &["a", "a"])]).is_empty());
}
