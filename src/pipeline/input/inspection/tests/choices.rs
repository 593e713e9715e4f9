//! Files that do not tell which column is the temperature, or have several.

use super::guesses::flags;
use super::*;

#[test]
fn temperature_that_nothing_tells_is_left_to_the_user() {
    let channel = "created_at,entry_id,field1,field2\n2031-03-02 07:15:00 UTC,41,51.0,19.4\n";
    let alone = "created_at,entry_id,field1\n2031-03-02 07:15:00 UTC,41,51.0\n";
    let double = "sensor_id,temperature,temperature,current_time\nk,21.5,60,1700000000\n";
    let units = "Time,Temperature(℃),Humidity(%),Temperature(℃),Humidity(%)\n2023-11-14 22:13:20,21.5,45,7.5,90\n";
    let long = "time,device,quantity,value\n1700000000,a,temp_in,21.5\n1700000000,a,temp_out,7.5\n";
    for (text, expected) in [
        (channel, vec!["field1", "field2"]),
        (alone, vec!["field1"]),
        (double, vec!["@column.2", "@column.3"]),
        (units, vec!["@column.2", "@column.4"]),
        (long, vec!["temp_in", "temp_out"]),
    ] {
        let (inspection, file, _dir) = inspected(text.as_bytes(), "f.csv");
        assert_eq!(inspection.error.as_deref(), Some(UNNAMED), "{text}");
        assert!(inspection.readings.is_empty());
        let found: Vec<_> = inspection.choices.iter().map(|choice| choice.temperature.as_deref().unwrap()).collect();
        assert_eq!(found, expected);
        for choice in &inspection.choices {
            assert_eq!(put(&file, &choice.options)[0], choice.first_reading.as_ref().unwrap().get());
        }
    }
    let unread =
        InputOptions { layout: Some("thingspeak".to_owned()), sensor: Some("x".to_owned()), ..InputOptions::default() };
    let unread = Layouts::default().resolved(&unread).unwrap_err();
    assert!(unread.full_message().contains("which column is the temperature"), "{}", unread.full_message());
}

#[test]
fn several_temperatures_are_told() {
    let (inspection, ..) = inspected(b"time,device,cpu_temp,air_temperature\n1700000000,a,60.5,21.5\n", "f.csv");
    assert_eq!(inspection.options.flags()[0], ("--map", Some("temperature=air_temperature".to_owned())));
    let remarks = inspection.remarks();
    assert!(remarks.iter().any(|remark| remark.contains("`cpu_temp` is a temperature, too")), "{remarks:?}");
    for (text, name, expected) in [
        (
            "time,Indoor Temperature,Outdoor Temperature\n1700000000,21.5,7.5\n",
            "f.csv",
            "temperature=Indoor Temperature temperature=Outdoor Temperature current_time=time --sensor=f",
        ),
        (
            "{\"ts\":1700000000,\"temp_in\":21.5,\"temp_out\":7.5,\"mcu\":{\"temperature\":40}}\n",
            "f.ndjson",
            "temperature=temp_in temperature=temp_out current_time=ts --sensor=f",
        ),
    ] {
        assert_eq!(flags(text, name), expected);
        let (inspection, ..) = inspected(text.as_bytes(), name);
        assert_eq!(inspection.accepted, 2, "{text}");
        assert!(inspection.remarks().iter().any(|remark| remark.starts_with("each of")), "{:?}", inspection.remarks());
    }
    let units = "time,Temp (°F),Temp (°C)\n1700000000,70.7,21.5\n";
    assert_eq!(flags(units, "f.csv"), "temperature=Temp (°C) current_time=time --sensor=f");
}

#[test]
fn temperature_is_known_by_the_unit_below_its_name() {
    let text = "\"TOA5\",\"Ridge\",\"CR1000\"\n\"TIMESTAMP\",\"RECORD\",\"BattV_Min\",\"PTemp\",\"T107_Avg\"\n\
        \"TS\",\"RN\",\"Volts\",\"Deg C\",\"Deg C\"\n\"\",\"\",\"Min\",\"Smp\",\"Avg\"\n\
        \"2031-03-02 08:15:00\",10,12.5,9.5,4.31\n";
    assert_eq!(flags(text, "f.dat"), "--layout=toa5 temperature=T107_Avg");
}

#[test]
fn rows_of_one_quantity_have_names_of_any_kind() {
    for (text, name, expected) in [
        (
            "timestamp,device,parameter,reading\n1700000000,a,Temp,4.31\n1700000000,a,RH,43.1\n1700000000,b,Temp,5.31\n",
            "f.csv",
            "current_time=timestamp temperature=Temp humidity=RH sensor_id=device --quantity=parameter --value=reading",
        ),
        (
            "{\"ts\":1700000000,\"device\":\"a\",\"type\":\"temperature\",\"value\":21.5}\n\
             {\"ts\":1700000000,\"device\":\"a\",\"type\":\"humidity\",\"value\":51}\n",
            "f.ndjson",
            "current_time=ts sensor_id=device --quantity=type --value=value",
        ),
    ] {
        assert_eq!(flags(text, name), expected);
    }
}

#[test]
fn files_of_loggers_that_were_refused_are_read() {
    let lascar =
        "EL-USB-2,Time,Celsius(°C),Serial Number\n1,14/11/2023 22:13:20,21.5,010012345\n2,14/11/2023 22:14:20,21.6\n";
    let expected = "temperature=Celsius(°C) current_time=Time --time-format=%d/%m/%Y %H:%M:%S --sensor=f --short-rows=";
    assert_eq!(flags(lascar, "f.txt"), expected);
    let ibutton = "1-Wire/iButton Part Number: DS1921G\n\nDate/Time,Unit,Value\n24/11/23 22:13:01,C,21,5\n31/11/23 22:23:01,C,22,0\n";
    let ibutton = ibutton.replace("31/11", "25/11").replace("/23 ", "/2023 ");
    let expected = "--decimal=comma temperature=Value current_time=Date/Time temperature_unit=Unit \
                    --time-format=%d/%m/%Y %H:%M:%S --sensor=f";
    assert_eq!(flags(&ibutton, "f.csv"), expected);
    let (inspection, ..) = inspected(ibutton.as_bytes(), "f.csv");
    assert!(shown(&inspection)[0].contains("\"temperature\":21.5") && inspection.rejected == 0);
    let halves = "Fecha,Temp\n14/11/2023 10:13:20 p.m.,21.5\n14/11/2023 10:14:20 a. m.,21.5\n";
    let expected = "temperature=Temp current_time=Fecha --time-format=%d/%m/%Y %I:%M:%S %p --sensor=f";
    assert_eq!(flags(halves, "f.csv"), expected);
    let date = "time,temp\nTue Nov 14 22:13:20 UTC 2023,21.5\n";
    assert_eq!(flags(date, "f.csv"), "temperature=temp current_time=time --sensor=f");
    let export = "# INFLUXDB EXPORT: x\n# DDL\nCREATE DATABASE home WITH NAME autogen\n# DML\n\
        climate,room=attic temperature=19.4 1930202100000000000\nclimate,room=attic humidity=51i 1930202100000000000\n";
    assert_eq!(flags(export, "f.lp"), "--layout=influxdb-export sensor_id=room");
    let (inspection, ..) = inspected(export.as_bytes(), "f.lp");
    assert!(shown(&inspection)[0].contains("\"humidity\":51"), "{:?}", shown(&inspection));
}

#[test]
fn utf_16_without_a_mark_and_cyrillic_are_read_in_their_encoding() {
    let text = "Время;Температура\n2023-11-14 22:13:20;21,5\n";
    let encoded = encoding_rs::WINDOWS_1251.encode(text).0.into_owned();
    let expected = "--encoding=windows-1251 temperature=Температура current_time=Время --sensor=f";
    assert_eq!(flags(encoded, "f.csv"), expected);
    for (first, label) in [("", "utf-16le"), ("\r\n\r\n", "utf-16le"), ("\n", "utf-16be")] {
        let bytes = |unit: u16| if label == "utf-16le" { unit.to_le_bytes() } else { unit.to_be_bytes() };
        let text = format!("{first}sensor_id,temperature,current_time\nk,21.5,1700000000\n");
        let encoded: Vec<_> = text.encode_utf16().flat_map(bytes).collect();
        assert_eq!(flags(encoded, "f.csv"), format!("--encoding={label}"));
    }
}

#[test]
fn inspection_does_not_point_to_itself() {
    let (inspection, ..) = inspected(b"hello\nworld\n", "f.txt");
    assert!(!inspection.error.unwrap().contains("sensorctl inspect"));
    let (inspection, ..) = inspected(b"Date/Time/Temp\na/b/c\n", "f.txt");
    assert!(!inspection.error.unwrap().contains("--delimiter /"));
}
