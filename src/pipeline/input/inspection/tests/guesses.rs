//! Files of loggers that no layout describes, and the options that are proposed for them.

use super::*;

pub(super) fn flags(text: impl AsRef<[u8]>, name: &str) -> String {
    let (inspection, file, _dir) = inspected(text.as_ref(), name);
    assert_eq!(inspection.error, None, "{name}");
    assert_eq!(put(&file, &inspection.options), shown(&inspection), "{name}");
    let flags = inspection.options.flags();
    let words = flags.iter().map(|(flag, value)| format!("{flag}={}", value.as_deref().unwrap_or_default()));
    words.collect::<Vec<_>>().join(" ").replace("--map=", "")
}

#[test]
fn columns_are_known_in_several_languages_and_by_their_units() {
    for (text, expected) in [
        (
            "\"Zeitstempel\";\"Temperatur\";\"CO2\"\n1700000000;21,5;612\n",
            "temperature=Temperatur current_time=Zeitstempel --sensor=f",
        ),
        (
            "\"Datum\";\"Zeit\";\"[°C] Temperatur\"\n\"14.11.2023\";\"22:13:20\";\"21,5\"\n",
            "temperature=[°C] Temperatur current_time=Datum+Zeit --time-format=%d.%m.%Y %H:%M:%S --sensor=f",
        ),
        (
            "Tinytag\n\nNumber,Date / Time,°C\n1,14/11/2023 22:13:20,21.5\n",
            "temperature=°C current_time=Date / Time --time-format=%d/%m/%Y %H:%M:%S --sensor=f",
        ),
        (
            "Date/Time,Unit,Value\n2023-11-14 22:13:20,C,21.5\n",
            "temperature=Value current_time=Date/Time temperature_unit=Unit --sensor=f",
        ),
        (
            "Timestamp (Europe/Berlin),Temperature (°C)\n2023-11-14 23:13:20,21.5\n",
            "temperature=Temperature (°C) current_time=Timestamp (Europe/Berlin) --time-zone=Europe/Berlin --sensor=f",
        ),
        (
            "date        time       temp  hum\n2023-11-14  22:13:20   21.5   40\n2023-11-14  22:14:20   21.6   40\n",
            "--delimiter=blanks temperature=temp current_time=date+time --sensor=f",
        ),
    ] {
        assert_eq!(flags(text, "f.csv"), expected, "{text}");
    }
}

#[test]
fn file_without_header_has_its_time_in_one_column_or_two_and_its_temperature_with_a_fraction() {
    let days = "2023-11-14,22,7.5,61\n2023-11-15,22,7.4,62\n";
    assert_eq!(flags(days, "f.csv"), "--columns=current_time,field2,temperature,field4 --sensor=f");
    let (inspection, ..) = inspected(days.as_bytes(), "f.csv");
    assert!(inspection.guessed_columns && inspection.remarks().iter().any(|remark| remark.contains("no header")));
    let aligned = "2023-11-14 22:13:20   21.5   40\n2023-11-14 22:14:20   21.6   40\n";
    let expected = "--delimiter=blanks --columns=date,clock,temperature,field4 current_time=date+clock --sensor=f";
    assert_eq!(flags(aligned, "f.txt"), expected);
}

#[test]
fn encoding_is_proposed_where_no_line_is_utf_8() {
    let text = b"No,Time,Celsius(\xb0C)\n1,14/11/2023 22:13:20,21.5\n";
    let expected =
        "--encoding=windows-1252 temperature=Celsius(°C) current_time=Time --time-format=%d/%m/%Y %H:%M:%S --sensor=f";
    assert_eq!(flags(text, "f.csv"), expected);
    let mixed = [b"No,Time,Celsius(\xb0C)\n1,2023-11-14 22:13:20,21.5\n".as_slice(), "2,°,3\n".as_bytes()].concat();
    let (inspection, ..) = inspected(&mixed, "f.csv");
    assert!(inspection.error.unwrap().contains("`--encoding windows-1252`"), "some lines are UTF-8");
}

#[test]
fn layout_that_calls_the_temperature_otherwise_is_proposed_with_its_name() {
    let text = "\"TOA5\",\"Ridge\",\"CR1000\"\n\"TIMESTAMP\",\"RECORD\",\"AirTC(1)\"\n\"TS\",\"RN\",\"Deg C\"\n\"\",\"\",\"Smp\"\n\
        \"2023-11-14 22:13:20\",10,4.31\n";
    assert_eq!(flags(text, "f.dat"), "--layout=toa5 temperature=AirTC(1)");
    let (inspection, ..) = inspected(text.replace("AirTC(1)", "Batt").replace("Deg C", "Volts").as_bytes(), "f.dat");
    let error = inspection.error.unwrap();
    assert!(error.contains("there is no column `AirTC_Avg`; there are: TIMESTAMP, RECORD, Batt"), "{error}");
}

#[test]
fn reasons_of_the_best_attempt_are_shown_where_nothing_is_read() {
    let (inspection, ..) = inspected(b"Time;Temperature\n45244,9259;21,5\n45244,9266;21,6\n", "f.csv");
    assert_eq!((inspection.error.as_deref(), inspection.rejected), (Some(NO_READING), 2));
    assert!(inspection.reasons["time-unit"].reason.contains("spreadsheet"));
}

#[test]
fn unit_of_the_column_is_told_unless_it_is_converted() {
    let text = b"time,Temp (F)\n2023-11-14T22:13:20Z,70.7\n";
    let (inspection, file, _dir) = inspected(text, "f.csv");
    assert_eq!(inspection.temperature_unit, Some("F"));
    assert!(inspection.remarks().iter().any(|remark| remark.contains("`--unit temperature=F:C`")));
    let unit = vec!["temperature=F:C".parse().unwrap()];
    let given = InputOptions { unit, ..InputOptions::default() };
    let inspection = inspect(&InputOrigin::File(file), &given, &Layouts::default(), false).unwrap();
    assert_eq!((inspection.accepted, inspection.remarks().len()), (1, 0), "{:?}", inspection.remarks());
}

#[test]
fn whole_numbers_of_a_thousand_are_told() {
    let is_told = |values: [&str; 2], name: &str| {
        let rows = values.map(|value| format!("{value},a,170000000{}\n", value.len())).concat();
        let (inspection, ..) = inspected(format!("{name},sensor_id,current_time\n{rows}").as_bytes(), "f.csv");
        inspection.remarks().iter().any(|remark| remark.contains("`--unit temperature=C/100:C`"))
    };
    assert!(is_told(["2150", "-10"], "temperature") && is_told(["2150", "216"], "temp"));
    assert!(!is_told(["21", "216"], "temperature") && !is_told(["1050.5", "1051"], "temperature"));
    assert!(!is_told(["21", "9999"], "temperature"), "a code");
    assert!(!is_told(["2150", "216"], "temp_x100"), "said by its name");
}

#[test]
fn date_and_number_of_an_hour_are_read_together_or_not_at_all() {
    for (text, expected) in [
        (
            "sensor_id,date,hour,temperature\nk,2023-11-14,0,21.5\nk,2023-11-14,1,21.6\n",
            "current_time=date+hour --time-format=%Y-%m-%d %H",
        ),
        (
            "sensor_id,Date,Hour,temperature\nk,14.11.2023,00,21.5\nk,14.11.2023,23,21.6\n",
            "current_time=Date+Hour --time-format=%d.%m.%Y %H",
        ),
    ] {
        assert_eq!(flags(text, "f.csv"), expected);
        let (inspection, ..) = inspected(text.as_bytes(), "f.csv");
        assert_eq!(inspection.accepted, 2);
    }
    for text in [
        "sensor_id,date,hour,minute,temperature\nk,2023-11-14,0,0,21.5\nk,2023-11-14,0,30,21.6\n",
        "sensor_id,date,hour,temperature\nk,2023-11-14,first,21.5\nk,2023-11-14,second,21.6\n",
    ] {
        let (inspection, ..) = inspected(text.as_bytes(), "f.csv");
        assert!(inspection.error.is_some() && inspection.accepted == 0, "{:?}", shown(&inspection));
    }
}

#[test]
fn time_in_utc_goes_before_local_time_and_a_letter_names_the_unit() {
    let text = "timestamp_local,timestamp_utc,temp_f\n2023-11-14T14:13:20,2023-11-14T22:13:20,70.7\n";
    assert_eq!(flags(text, "f.csv"), "temperature=temp_f current_time=timestamp_utc --sensor=f");
    for name in ["temp_f", "temperature_F", "tempF"] {
        let (inspection, ..) = inspected(text.replace("temp_f", name).as_bytes(), "f.csv");
        let remarks = inspection.remarks();
        assert!(remarks.iter().any(|remark| remark.contains("`--unit temperature=F:C`")), "{name}: {remarks:?}");
    }
}

#[test]
fn channel_whose_first_field_is_another_quantity_has_no_layout() {
    let channel = |first: &str| {
        format!(
            "{{\"channel\":{{\"id\":9,\"field1\":\"{first}\",\"field2\":\"x\"}},\"feeds\":[\
             {{\"created_at\":\"2023-11-14T22:13:20Z\",\"entry_id\":1,\"field1\":\"51\",\"field2\":\"21.5\"}}]}}"
        )
    };
    let (inspection, ..) = inspected(channel("Temperature").as_bytes(), "f.json");
    assert_eq!((inspection.layouts.as_slice(), inspection.accepted), (["thingspeak-json".to_owned()].as_slice(), 1));
    let (inspection, ..) = inspected(channel("Humidity").as_bytes(), "f.json");
    assert!(inspection.layouts.is_empty() && inspection.accepted == 0, "{:?}", shown(&inspection));
}

#[test]
fn column_without_a_name_that_numbers_the_rows_is_passed_over() {
    let pandas = ",timestamp,sensor,temperature\n0,2024-03-13 10:00:00,a,21.4\n1,2024-03-13 10:05:00,b,21.5\n";
    assert_eq!(flags(pandas, "f.csv"), "current_time=timestamp sensor_id=sensor");
    let (inspection, file, _dir) = inspected(pandas.as_bytes(), "f.csv");
    assert_eq!((inspection.accepted, inspection.rejected), (2, 0));
    assert_eq!(put(&file, &inspection.options), shown(&inspection));
    let (other, ..) = inspected(pandas.replace("\n1,", "\n7,").as_bytes(), "f.csv");
    assert_eq!((other.accepted, other.rejected), (0, 2), "it holds something else");
}

#[test]
fn temperatures_are_known_by_their_units_alone() {
    let rooms = "Date / time,Kitchen T [°C],Store T [°C],Dew Point [°C]\n2024-03-13 10:00:00,21.4,3.1,1\n";
    let expected = "temperature=Kitchen T [°C] temperature=Store T [°C] current_time=Date / time --sensor=f";
    assert_eq!(flags(rooms, "f.csv"), expected);
    let units = "time,attic (°C),cellar (°F)\n1700000000,21.5,52.7\n";
    let (inspection, ..) = inspected(units.as_bytes(), "f.csv");
    assert_eq!(inspection.other_temperatures, ["cellar (°F)"], "of another unit");
    let channels = ";Date / time;1 [°C] T1;2 [%rF]\n1;14.11.2023 22:13:20;21,5;40,1\n2;14.11.2023 22:23:20;21,6;40,2\n";
    let (inspection, ..) = inspected(channels.as_bytes(), "f.csv");
    assert_eq!((inspection.accepted, inspection.temperature_unit), (2, Some("C")), "text goes on behind the unit");
    let nested =
        r#"{"station":"a","timestamp":"2024-03-13T10:00:00Z","temperature":{"unitCode":"wmoUnit:degC","value":12.2}}"#;
    let expected = "temperature=temperature.value current_time=timestamp sensor_id=station";
    assert_eq!(flags(nested, "f.json"), expected);
}

#[test]
fn time_of_rows_is_read_whole() {
    let twice = "Date/Time (LST),Time (LST),Temp (°C)\n2024-03-13 00:00,00:00,4.3\n2024-03-13 01:00,01:00,4.1\n";
    assert_eq!(flags(twice, "f.csv"), "temperature=Temp (°C) current_time=Date/Time (LST) --sensor=f");
    let hours: Vec<_> = (0..24).map(|hour| format!("2024-03-13,{hour},10.{hour},6.2\n")).collect();
    let (inspection, ..) = inspected(hours.concat().as_bytes(), "f.csv");
    assert!(inspection.command.is_none() && inspection.error.is_some(), "an hour without a name");
    assert_eq!(
        flags("stamp,sensor,temperature\n2024-03-13 10:00:00,a,1\n", "f.csv"),
        "current_time=stamp sensor_id=sensor"
    );
}

#[test]
fn columns_without_names_of_which_several_may_be_one_key_are_left_to_the_user() {
    for (text, expected) in [
        (
            "1700000000,3.31,21.5,attic\n1700000600,3.30,21.6,cellar\n",
            vec!["current_time,temperature,field3,sensor_id", "current_time,field2,temperature,sensor_id"],
        ),
        (
            "2023-11-14 22:13:20 gw1 attic 21.5\n2023-11-14 22:14:20 gw1 cellar 11.5\n",
            vec!["date,clock,sensor_id,field4,temperature", "date,clock,field3,sensor_id,temperature"],
        ),
        (
            "2023-11-14 22:13:20,21.5,20.0\n2023-11-14 22:23:20,21.6,20.0\n",
            vec!["current_time,temperature,field3", "current_time,field2,temperature"],
        ),
        (
            "1700000000000,1700000001000,attic,21.5\n1700000060000,1700000091000,attic,21.6\n",
            vec!["current_time,field2,sensor_id,temperature", "field1,current_time,sensor_id,temperature"],
        ),
        (
            "attic,2023-11-14 22:13:20,21.5,1700000300\nattic,2023-11-14 22:14:20,21.6,1700000300\n",
            vec!["sensor_id,current_time,temperature,field4", "sensor_id,field2,temperature,current_time"],
        ),
    ] {
        let (inspection, file, _dir) = inspected(text.as_bytes(), "f.txt");
        assert_eq!((inspection.error.as_deref(), inspection.readings.len()), (Some(UNTITLED), 0), "{text}");
        let found: Vec<_> = inspection.choices.iter().map(|choice| choice.options.columns.join(",")).collect();
        assert_eq!(found, expected);
        for choice in &inspection.choices {
            assert_eq!(put(&file, &choice.options)[0], choice.first_reading.as_ref().unwrap().get());
        }
    }
}

#[test]
fn word_for_what_is_measured_or_how_severe_a_line_is_names_no_sensor() {
    let log = "INFO temp attic 21.5 1700000000\nWARN temp cellar 21.6 1700000600\n";
    let expected = "--delimiter=blanks --columns=field1,field2,sensor_id,temperature,current_time";
    assert_eq!(flags(log, "f.txt"), expected);
    let rows = "attic,85,21.5,1013.2,2023-11-14 22:13:20\ncellar,80,11.5,1013.3,2023-11-14 22:13:20\n";
    assert_eq!(flags(rows, "f.csv"), "--columns=sensor_id,field2,temperature,field4,current_time", "no pressure");
    let fhem = "2023-11-14_22:13:20 Bad temperature: 21.5\n2023-11-14_22:13:21 Cellar temperature: 11.5\n";
    let expected = "--delimiter=blanks --columns=current_time,sensor_id,field3,temperature";
    assert_eq!(flags(fhem, "f.log"), expected, "`Bad` is a room");
    let rooms = "2023-11-14_22:13:20 Bad temperature: 21.5\n2023-11-14_22:13:20 Bad humidity: 40\n\
        2023-11-14_22:13:20 Cellar temperature: 11.5\n2023-11-14_22:13:20 Cellar humidity: 80\n";
    let (inspection, ..) = inspected(rooms.as_bytes(), "f.log");
    let names = ["Bad", "Cellar"].map(|name| inspection.readings.iter().any(|row| row.get().contains(name)));
    assert_eq!((inspection.accepted, names), (2, [true, true]), "{:?}", shown(&inspection));
    let syslog = "Nov 14 22:13:20 pi sensor[12]: {\"temperature\":21.5,\"current_time\":1700000000}\n\
        Nov 14 22:14:20 pi sensor[12]: {\"temperature\":21.6,\"current_time\":1700000060}\n";
    let (inspection, ..) = inspected(syslog.as_bytes(), "f.log");
    let error = inspection.error.unwrap();
    assert!(error.contains("its lines have JSON behind other text"), "{error}");
}

#[test]
fn parts_of_a_degree_are_converted_and_numbers_of_something_else_are_no_temperature() {
    for (name, value, unit) in [
        ("Temp [1/10 °C]", "215", "C/10:C"),
        ("Temp (C x10)", "215", "C/10:C"),
        ("Temp (m°C)", "21500", "C/1000:C"),
        ("temp_f_x10", "215", "F/10:F"),
    ] {
        let csv = format!("Time;{name}\n2023-11-14 22:13:20;{value}\n2023-11-14 22:23:20;{value}\n");
        let expected = format!("temperature={name} current_time=Time --unit=temperature={unit} --sensor=f");
        assert_eq!(flags(&csv, "f.csv"), expected);
        let (inspection, ..) = inspected(csv.as_bytes(), "f.csv");
        assert!(shown(&inspection)[0].contains("\"temperature\":21.5"), "{:?}", shown(&inspection));
        assert!(inspection.remarks().iter().any(|remark| remark.contains("parts of a degree")));
        let fraction = csv.replace(value, "21.5");
        let (inspection, ..) = inspected(fraction.as_bytes(), "f.csv");
        assert_eq!(inspection.accepted, 0, "its name may say how exact it is");
    }
    let json = "{\"ts\":1700000000,\"temp_x10\":215}\n";
    assert_eq!(flags(json, "f.ndjson"), "temperature=temp_x10 current_time=ts --unit=temperature=C/10:C --sensor=f");
    for name in ["Temperature change (°C)", "Temp ok", "Change (°C)"] {
        let csv = format!("Time;{name}\n2023-11-14 22:13:20;1\n2023-11-14 22:23:20;0\n");
        let (inspection, ..) = inspected(csv.as_bytes(), "f.csv");
        assert!(inspection.error.is_some() && inspection.accepted == 0, "{name}");
    }
}

#[test]
fn encoding_of_letters_is_told_as_a_guess_and_one_that_bytes_exclude_is_not_proposed() {
    let file = |name: &[u8]| [b"sensor_id,temperature,current_time\n".as_slice(), name, b",21.5,1700000000\n"].concat();
    let (inspection, ..) = inspected(&file(b"K\xfcche"), "f.csv");
    assert_eq!(inspection.encoding, "windows-1252");
    assert!(inspection.remarks().iter().any(|remark| remark.contains("is a guess")), "{:?}", inspection.remarks());
    let (inspection, ..) = inspected(&file(b"K\x81che"), "f.csv");
    assert_eq!(inspection.accepted, 0);
    assert!(inspection.reasons["not-utf-8"].reason.contains("CP850"), "{:?}", inspection.reasons);
}

#[test]
fn index_of_times_and_the_reason_of_a_layout_are_told() {
    let index = ",sensor_id,temperature\n2023-11-14 22:13:20,k,21.5\n2023-11-14 22:14:20,k,21.6\n";
    assert_eq!(flags(index, "f.csv"), "current_time=@column.1");
    let received = ",sensor_id,temperature,received_at\n2023-11-14 22:13:20,k,21.5,2023-11-15 00:00:00\n\
                    2023-11-14 22:14:20,k,21.6,2023-11-15 00:00:00\n";
    for text in [received.to_owned(), received.replace("received_at", "measured_at")] {
        assert_eq!(flags(text, "f.csv"), "current_time=@column.1");
    }
    let series = |name: &str| {
        format!("{{\"metric\":{{\"__name__\":\"{name}\",\"sensor\":\"a\"}},\"values\":[[1700000000,\"21.5\"]]}}")
    };
    let text = format!(
        "{{\"status\":\"success\",\"data\":{{\"resultType\":\"matrix\",\"result\":[{},{}]}}}}",
        series("room_celsius"),
        series("dew_point_celsius")
    );
    let (inspection, ..) = inspected(text.as_bytes(), "f.json");
    assert!(inspection.reasons.contains_key("second-quantity"), "{:?}", inspection.reasons);
}

#[test]
fn other_quantities_in_the_column_of_the_temperature_are_told_by_a_column_beside_it() {
    let rows = "1700000000,d1,temperature,21.5\n1700000000,d1,humidity,55\n\
                1700000300,d1,temperature,21.6\n1700000300,d1,humidity,56\n";
    for (names, expected) in [
        ("time,device,type,temperature", "current_time=time sensor_id=device --quantity=type --value=temperature"),
        ("current_time,sensor_id,type,temperature", "--quantity=type --value=temperature"),
    ] {
        let text = format!("{names}\n{rows}");
        assert_eq!(flags(&text, "f.csv"), expected);
        let (inspection, ..) = inspected(text.as_bytes(), "f.csv");
        let humidities = shown(&inspection).iter().filter(|reading| reading.contains("\"humidity\":5")).count();
        assert_eq!((inspection.accepted, humidities), (2, 2), "{names}");
    }
    let places = rows.replace("temperature", "indoor").replace("humidity", "outdoor");
    let of_places = flags(format!("time,device,type,temperature\n{places}"), "f.csv");
    assert_eq!(of_places, "current_time=time sensor_id=device+type");
}

#[test]
fn unit_and_zone_of_rows_of_one_quantity_are_kept() {
    let of_rows = |names: &str, unit: &str| {
        format!(
            "{names}\n2023-11-14 23:13:20,d1,temperature,F,70\n2023-11-14 23:13:20,d1,humidity,%,55\n\
             2023-11-14 23:18:20,d1,temperature,{unit},71\n2023-11-14 23:18:20,d1,humidity,%,56\n"
        )
    };
    for names in
        ["Time,device,type,Unit,Value", "Time,device,type,unit,temperature", "Time,device,parameter,uom,reading"]
    {
        let (inspection, ..) = inspected(of_rows(names, "F").as_bytes(), "f.csv");
        let shown = shown(&inspection);
        assert!(
            shown[0].contains("\"temperature\":21.1111") && shown[0].contains("\"humidity\":55"),
            "{names}: {shown:?}"
        );
        let mixed = inspected(of_rows(names, "C").as_bytes(), "f.csv").0;
        assert!(
            mixed.error.as_ref().is_some_and(|error| error.contains("in C and in F")),
            "{names}: {:?}",
            mixed.error
        );
    }
    for names in ["type,temperature", "parameter,value"] {
        let text = format!(
            "Time (Europe/Berlin),device,{names}\n2023-11-14 23:13:20,d1,temperature,21.5\n\
             2023-11-14 23:13:20,d1,humidity,55\n"
        );
        assert!(flags(&text, "f.csv").contains("--time-zone=Europe/Berlin"), "{names}");
    }
}
