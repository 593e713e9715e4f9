//! Files of several devices: none of them is taken for one sensor.

use super::guesses::flags;
use super::*;
use crate::pipeline::input::test_rows::two_devices;

fn csv(name: &str) -> String {
    format!(
        "time,{name},temperature\n2023-11-14T22:13:20Z,A100,21.5\n2023-11-14T22:13:20Z,7,7.5\n\
         2023-11-14T22:14:20Z,A100,21.6\n2023-11-14T22:14:20Z,7,7.6\n"
    )
}

#[test]
fn column_that_names_several_devices_is_the_sensor() {
    for name in [
        "serial",
        "node_id",
        "dev",
        "name",
        "probe",
        "channel",
        "thing",
        "clientId",
        "hostname",
        "id",
        "Logger SN",
        "Device Name",
        "S/N",
        "MAC address",
    ] {
        assert_eq!(flags(csv(name), "f.csv"), format!("current_time=time sensor_id={name}"));
        let (inspection, ..) = inspected(csv(name).as_bytes(), "f.csv");
        assert_eq!((inspection.accepted, inspection.counts.replaced_in_input), (4, 0), "{name}");
    }
    let counter = "time,entry_id,id,temperature\n1700000000,1,1,21.5\n1700000060,2,2,21.6\n1700000120,3,3,21.6\n";
    assert_eq!(flags(counter, "f.csv"), "current_time=time --sensor=f", "a number of the row is no device");
}

#[test]
fn path_that_names_several_devices_is_the_sensor() {
    for (text, expected) in [
        (
            "{\"ts\":1700000000,\"dev\":\"a1f3\",\"temp\":21.5}\n{\"ts\":1700000000,\"dev\":\"4711\",\"temp\":7.5}\n",
            "temperature=temp current_time=ts sensor_id=dev",
        ),
        (
            "{\"ts\":1700000000,\"node\":\"0a1f\",\"temp\":21.5}\n{\"ts\":1700000000,\"node\":4711,\"temp\":7.5}\n",
            "temperature=temp current_time=ts sensor_id=node",
        ),
        (
            "{\"ts\":1700000000,\"sensors\":[{\"name\":\"attic\",\"temp\":21.5},{\"name\":\"cellar\",\"temp\":7.5}]}\n",
            "temperature=sensors[].temp current_time=ts sensor_id=sensors[].name",
        ),
        (
            "{\"ts\":1700000000,\"gateway\":\"g\",\"sensors\":[{\"name\":\"1\",\"temp\":21.5},{\"name\":\"2\",\"temp\":7.5}]}\n\
             {\"ts\":1700000000,\"gateway\":\"h\",\"sensors\":[{\"name\":\"1\",\"temp\":21.5},{\"name\":\"2\",\"temp\":7.5}]}\n",
            "temperature=sensors[].temp current_time=ts sensor_id=sensors[].name+gateway",
        ),
        (
            "{\"time\":\"2023-11-14T22:13:20Z\",\"model\":\"Acurite\",\"id\":12,\"temperature_F\":70.7}\n\
             {\"time\":\"2023-11-14T22:13:20Z\",\"model\":\"Nexus\",\"id\":12,\"temperature_F\":60.7}\n",
            "temperature=temperature_F current_time=time sensor_id=model+id",
        ),
    ] {
        assert_eq!(flags(text, "f.ndjson"), expected);
        let (inspection, ..) = inspected(text.as_bytes(), "f.ndjson");
        assert_eq!(inspection.counts.replaced_in_input, 0, "{text}");
    }
}

#[test]
fn layout_keeps_its_sensor_where_the_temperature_has_another_path() {
    let message = |body: &str| {
        format!(
            "{{\"EnqueuedTimeUtc\":\"2031-03-02T07:15:00.1230000Z\",\"Properties\":{{}},\
             \"SystemProperties\":{{\"connectionDeviceId\":\"th-9\"}},\"Body\":{body}}}\n"
        )
    };
    assert_eq!(flags(message("{\"temp\":21.9}"), "f.ndjson"), "--layout=azure-iot-hub temperature=Body.temp");
    let text = message("\"eyJ0ZW1wIjoyMS45LCJodW1pZCI6NDB9\"");
    assert_eq!(flags(&text, "f.ndjson"), "--layout=azure-iot-hub temperature=Body.@base64.temp");
    let (inspection, ..) = inspected(text.as_bytes(), "f.ndjson");
    assert!(shown(&inspection)[0].starts_with("{\"sensor_id\":\"th-9\",\"temperature\":21.9"));
}

#[test]
fn letter_of_a_unit_without_header_is_no_sensor() {
    let rows = "2023-11-14 22:13:20,24.00,C,3782774626\n2023-11-14 22:14:20,24.10,C,3782001111\n";
    assert_eq!(flags(rows, "f.csv"), "--columns=current_time,temperature,temperature_unit,sensor_id");
    let states = "2023-11-14 22:13:20,24.00,°F,ok,attic\n2023-11-14 22:14:20,24.10,°F,ok,cellar\n";
    assert_eq!(flags(states, "f.csv"), "--columns=current_time,temperature,temperature_unit,field4,sensor_id");
}

#[test]
fn messages_with_time_topic_and_value_give_the_temperature_alone() {
    let lines = |time: &str| {
        format!("{time} site/attic/temperature 21.5\n{time} site/attic/battery 87\n{time} site/x/state on\n")
    };
    for time in ["1700000000.123456789", "2023-11-14T22:13:20+0100", "2023-11-14 22:13:20"] {
        let expected = "current_time=time temperature=*/temperature battery=*/battery --quantity=topic --value=payload";
        assert_eq!(flags(lines(time), "f.txt"), expected);
        let (inspection, ..) = inspected(lines(time).as_bytes(), "f.txt");
        assert_eq!(inspection.accepted, 1, "{:?}", shown(&inspection));
        assert!(shown(&inspection)[0].starts_with("{\"sensor_id\":\"site/attic\",\"temperature\":21.5"));
    }
    let json = "2023-11-14T22:13:20+0100 a/b {\"temperature\":21.5}\n1700000000.5 a/c {\"temperature\":7.5}\n";
    let (inspection, file, _dir) = inspected(json.as_bytes(), "f.txt");
    assert_eq!((inspection.accepted, inspection.error.as_deref()), (2, None));
    assert_eq!(put(&file, &inspection.options), shown(&inspection));
    let zigbee = "2023-11-14T22:13:20+0100 zigbee2mqtt/cellar {\"temperature\":11.84,\"battery\":87}\n\
        2023-11-14T22:13:20+0100 zigbee2mqtt/bridge/state online\n";
    assert_eq!(flags(zigbee, "f.txt"), "--layout=zigbee2mqtt");
    let csv = "1700000000,attic,temperature,21.5\n1700000000,attic,battery,87\n1700000000,cellar,temperature,7.5\n";
    let expected = "--columns=current_time,sensor_id,quantity,value --quantity=quantity --value=value";
    assert_eq!(flags(csv, "f.csv"), expected, "a battery is no temperature without a header either");
}

#[test]
fn series_that_one_label_does_not_tell_apart_have_another_in_their_sensor() {
    let series = |position: &str, value: &str| {
        format!(
            "{{\"metric\":{{\"__name__\":\"room_celsius\",\"sensor\":\"attic\",\"position\":\"{position}\"}},\
             \"values\":[[1930202100.5,\"{value}\"],[1930202115.5,\"{value}\"]]}}"
        )
    };
    let text = format!(
        "{{\"status\":\"success\",\"data\":{{\"resultType\":\"matrix\",\"result\":[{},{}]}}}}",
        series("top", "19.4"),
        series("bottom", "9.4")
    );
    let both = "sensor_id=data.result[].metric.sensor+data.result[].metric.position";
    assert_eq!(flags(&text, "f.json"), format!("--layout=prometheus {both}"));
    let (inspection, file, _dir) = inspected(text.as_bytes(), "f.json");
    assert_eq!((inspection.accepted, inspection.rejected), (4, 0));
    let alone = InputOptions { layout: Some("prometheus".to_owned()), ..InputOptions::default() };
    let named = inspect(&InputOrigin::File(file), &alone, &Layouts::default(), false).unwrap();
    assert_eq!((named.accepted, named.rejected), (4, 0), "{:?}", named.reasons);
}

#[test]
fn series_of_influxdb_that_one_tag_does_not_tell_apart_have_another_in_their_sensor() {
    let row = |table: u8, time: u8, value: &str, location: &str| {
        format!(",,{table},2024-03-13T10:0{time}:00Z,{value},temperature,th1,{location}\n")
    };
    let text = format!(
        "#group,false,false,true,false,true,true,true\n#default,_result,,,,,,\n\
         ,result,table,_time,_value,_field,sensor,location\n{}{}{}{}",
        row(0, 0, "19.4", "attic"),
        row(0, 1, "19.5", "attic"),
        row(1, 0, "9.4", "cellar"),
        row(1, 1, "9.5", "cellar")
    );
    assert_eq!(flags(&text, "f.csv"), "--layout=influxdb sensor_id=sensor+location");
    let points = "climate,sensor=th1,location=attic temperature=19.4 1710320400000000000\n\
        climate,sensor=th1,location=cellar temperature=9.4 1710320400000000000\n";
    assert_eq!(flags(points, "f.lp"), "--layout=influxdb-line-protocol sensor_id=sensor+location");
    for text in [text.as_str(), points] {
        let (inspection, file, _dir) = inspected(text.as_bytes(), "f.txt");
        assert_eq!((inspection.rejected, inspection.counts.replaced_in_input), (0, 0));
        assert_eq!(put(&file, &inspection.options), shown(&inspection));
    }
}

#[test]
fn type_of_a_value_in_json_is_no_part_of_its_name() {
    let item = |sensor: &str| {
        format!(
            "{{\"Item\":{{\"SensorId\":{{\"S\":\"{sensor}\"}},\"CurrentTime\":{{\"N\":\"1710320400\"}},\"Temperature\":{{\"N\":\"19.4\"}}}}}}\n"
        )
    };
    let expected = "temperature=Item.Temperature.N current_time=Item.CurrentTime.N sensor_id=Item.SensorId.S";
    assert_eq!(flags(item("attic") + &item("cellar"), "f.json"), expected);
    let document = |sensor: &str| {
        format!(
            "{{\"_id\":{{\"$oid\":\"65f1\"}},\"ts\":{{\"$date\":\"2024-03-13T10:00:00Z\"}},\"sensor\":\"{sensor}\",\"temperature\":{{\"$numberDouble\":\"19.4\"}}}}\n"
        )
    };
    let expected = "temperature=temperature.$numberDouble current_time=ts.$date sensor_id=sensor";
    assert_eq!(flags(document("attic") + &document("cellar"), "f.json"), expected);
}

#[test]
fn field_that_a_channel_names_as_temperature_has_the_time_of_its_own_element() {
    let channel = r#"{"channel":{"id":9,"field1":"Humidity","field2":"Temperature","created_at":"2020-01-01T00:00:00Z"},
        "feeds":[{"created_at":"2024-03-13T10:00:00Z","entry_id":1,"field1":"45","field2":"21.5"}]}"#;
    let expected = "temperature=feeds[].field2 current_time=feeds[].created_at --sensor=f";
    assert_eq!(flags(channel, "f.json"), expected);
}

#[test]
fn actions_between_documents_of_elasticsearch_are_passed_over() {
    let bulk = "{\"index\":{\"_index\":\"s\"}}\n{\"@timestamp\":\"2024-03-13T10:00:00Z\",\"sensor\":\"a\",\"temperature\":1}\n";
    let text = format!("{bulk}{}", bulk.replace("\"a\"", "\"b\""));
    assert_eq!(flags(&text, "f.json"), "current_time=@timestamp sensor_id=sensor --match=temperature=*");
    let (inspection, ..) = inspected(text.as_bytes(), "f.json");
    assert_eq!((inspection.accepted, inspection.rejected, inspection.counts.passed_over), (2, 0, 2));
}

#[test]
fn column_of_any_name_that_tells_rows_apart_is_the_sensor() {
    for name in ["Kammer", "Tank", "position", "where", "Area", "object_id", "Column1", "Fermenter", "Stall"] {
        for lag in [0, 5] {
            let text = two_devices(["time", name], ["attic", "cellar"], lag);
            assert_eq!(flags(&text, "f.csv"), format!("current_time=time sensor_id={name}"), "{lag}");
            let (inspection, ..) = inspected(text.as_bytes(), "f.csv");
            assert_eq!((inspection.accepted, inspection.counts.replaced_in_input), (4, 0), "{name}");
            let remarks = inspection.remarks().join("\n");
            assert!(inspection.guessed_sensor && remarks.contains(&format!("`{name}` is taken for")), "{remarks}");
        }
    }
    assert_eq!(flags(two_devices(["time", "Kanal"], ["1", "2"], 0), "f.csv"), "current_time=time sensor_id=Kanal");
    let states = two_devices(["time", "Zustand"], ["OK", "Bad"], 5);
    assert_eq!(flags(&states, "f.csv"), "current_time=time --sensor=f");
    let moved = "time,temperature,Kammer\n1,1,a\n2,2,a\n3,3,b\n4,4,b\n";
    assert_eq!(flags(moved, "f.csv"), "current_time=time --sensor=f");
    let (inspection, ..) = inspected(moved.as_bytes(), "f.csv");
    let remarks = inspection.remarks().join("\n");
    assert!(remarks.contains("`Kammer` has 2 values") && remarks.contains("--map sensor_id=Kammer"), "{remarks}");
}

#[test]
fn path_of_any_name_that_tells_documents_apart_is_the_sensor() {
    let document = |time: u64, value: &str, device: &str| {
        format!("{{\"time\":{time},\"temperature\":{value},\"meta\":{{\"Kammer\":\"{device}\"}}}}\n")
    };
    for lag in [0, 5] {
        let text = [document(1, "21.5", "a"), document(1 + lag, "11.5", "b")].concat()
            + &[document(61, "21.6", "a"), document(61 + lag, "11.6", "b")].concat();
        assert_eq!(flags(&text, "f.ndjson"), "current_time=time sensor_id=meta.Kammer", "{lag}");
    }
}

#[test]
fn quantities_of_several_devices_have_the_sensor_of_their_column() {
    let row = |device: &str, quantity: &str, value: &str, time: u64| format!("{device},{quantity},{value},{time}\n");
    let rows: Vec<_> = [1_700_000_000, 1_700_000_060]
        .into_iter()
        .flat_map(|time| {
            [("attic", "21.5", "40"), ("cellar", "11.5", "80")].map(|(device, temperature, humidity)| {
                row(device, "temperature", temperature, time) + &row(device, "humidity", humidity, time)
            })
        })
        .collect();
    let text = format!("Kammer,quantity,value,time\n{}", rows.concat());
    let expected = "current_time=time sensor_id=Kammer --quantity=quantity --value=value";
    assert_eq!(flags(&text, "f.csv"), expected);
}

#[test]
fn two_columns_make_the_sensor_where_one_does_not_tell_all_apart() {
    for (one, other) in [("gateway", "node"), ("site", "sensor"), ("room", "device"), ("logger", "channel")] {
        for lag in [0, 1] {
            let row =
                |device: (&str, &str), time: u64, value: &str| format!("{},{},{time},{value}\n", device.0, device.1);
            let rows = [
                row(("g1", "1"), 1_700_000_000, "21.5"),
                row(("g2", "1"), 1_700_000_000 + lag, "11.5"),
                row(("g1", "2"), 1_700_000_060, "21.6"),
                row(("g2", "2"), 1_700_000_060 + lag, "11.6"),
            ];
            let text = format!("{one},{other},time,temperature\n{}", rows.concat());
            let (inspection, ..) = inspected(text.as_bytes(), "f.csv");
            let source = inspection.options.mapped("sensor_id").next().unwrap().source.clone();
            let mut parts: Vec<_> = source.split('+').collect();
            parts.sort_unstable();
            let mut expected = vec![one, other];
            expected.sort_unstable();
            assert_eq!(parts, expected, "{source}");
            assert_eq!((inspection.accepted, inspection.counts.replaced_in_input), (4, 0), "{source}");
        }
    }
}
