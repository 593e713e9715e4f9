//! Files that mix units of temperature.

use super::*;

#[test]
fn rows_of_another_unit_than_before_are_rejected() {
    let rows = format!("k,21.5,{T},°C\nk,70.7,1700000060,°F\nk,21.6,1700000120,Celsius\n");
    let csv = format!("{H},u\n{rows}");
    let both = r#"k 21.5 1700000000,"temperature_unit":"°C""#;
    let last = r#"k 21.6 1700000120,"temperature_unit":"Celsius""#;
    assert_eq!(read(csv.clone(), "--map~temperature_unit=u"), [both, "3 unit", last]);
    assert_eq!(read(csv, "--map~temperature_unit=u~--match~u=°F").len(), 1);
    let json = "{\"id\":\"a\",\"t\":1,\"ts\":1,\"u\":\"C\"}\n{\"id\":\"a\",\"t\":1,\"ts\":2,\"u\":\"F\"}\n";
    let flags = "--map~sensor_id=id~--map~temperature=t~--map~current_time=ts~--map~temperature_unit=u";
    assert_eq!(read(json, flags), [r#"a 1 1,"temperature_unit":"C""#, "2 unit"]);
    let pack = r#"[{"bn":"a:","bt":1930202100,"n":"temp","u":"Cel","v":20},{"n":"temp","u":"K","t":9,"v":293}]"#;
    assert_eq!(read(pack, ""), ["1 unit", "a 20 1930202100"]);
}

#[test]
fn columns_of_several_units_or_another_than_is_converted_are_refused_by_name() {
    let file = format!("sensor_id,current_time,Temp (°C),Temp (°F)\nk,{T},21.5,70.7\n");
    assert!(wrong(file.clone(), "--map~temperature=Temp*").contains("column `Temp (°F)`"));
    assert!(wrong(file.clone(), "--map~temperature=Temp (°C)~--unit~temperature=F:C").contains("converts from F"));
    let read = read(file, "--map~temperature=Temp (°F)~--unit~temperature=F:C~--drop~Temp (°C)");
    assert_eq!(read, ["k 21.5 1700000000"]);
}

#[test]
fn number_without_a_unit_beside_one_with_its_unit_is_rejected() {
    let bare_first = format!("{H}\nk,21.5,{T}\nk,70.7 F,1700000060\n");
    let bare_last = format!("{H}\nk,70.7 F,{T}\nk,21.5,1700000060\n");
    assert_eq!(read(bare_first.clone(), ""), ["k 21.5 1700000000", "3 unit"]);
    assert_eq!(read(bare_last.clone(), ""), ["k 70.7 1700000000", "3 unit"]);
    for file in [bare_first, bare_last] {
        assert_eq!(read(file, "--unit~temperature=F:C")[1], "3 unit", "the bare number may be of any unit");
    }
    let named = format!("sensor_id,current_time,Temp (°C)\nk,{T},21.5\nk,1700000060,21.6 °C\nk,1700000120,70.7 °F\n");
    let read = read(named, "--map~temperature=Temp (°C)");
    assert_eq!(read, ["k 21.5 1700000000", "k 21.6 1700000060", "4 unit"], "the header names the unit of bare numbers");
}

#[test]
fn column_unit_names_the_unit_of_the_temperature_where_all_its_values_are_such() {
    for name in ["unit", "units", "temperature_unit"] {
        let first = format!(r#"k 70.7 1700000000,"{name}":"F""#);
        let csv = format!("{H},{name}\nk,70.7,{T},F\nk,21.5,1700000060,C\n");
        assert_eq!(read(csv, ""), [first.as_str(), "3 unit"]);
        let line = |temperature: &str, time: &str, unit: &str| {
            format!(
                "{{\"sensor_id\":\"k\",\"temperature\":{temperature},\"current_time\":{time},\"{name}\":\"{unit}\"}}\n"
            )
        };
        for second in ["C", "°C", "\\u0043"] {
            let json = line("70.7", T, "F") + &line("21.5", "1700000060", second);
            assert_eq!(read(json.clone(), ""), [first.as_str(), "2 unit"], "{json}");
            assert_eq!(read(json, "--coerce"), [first.as_str(), "2 unit"]);
        }
    }
    let flats = format!("{H},unit\nk,20.5,{T},B\nk,21.5,1700000060,C\nk,22.5,1700000120,F\n");
    assert_eq!(read(flats, "").len(), 3, "units of a house");
}

#[test]
fn column_of_any_name_whose_values_are_units_names_that_of_the_temperature() {
    for name in ["temp_unit", "scale", "Unit", "UNITS", "unit_of_measurement", "Temperature Unit", "TempUnit", "uom"] {
        let csv = format!("{H},{name}\nk,21.5,{T},C\nk,70.7,1700000060,F\n");
        let all = read(&*csv, "");
        assert_eq!((all.len(), all[1].as_str()), (2, "3 unit"), "{name}");
        assert_eq!(read(&*csv, &format!("--match~{name}=F")).len(), 1);
        let line = |temperature: &str, time: &str, unit: &str| {
            format!(
                "{{\"sensor_id\":\"k\",\"temperature\":{temperature},\"current_time\":{time},\"{name}\":\"{unit}\"}}\n"
            )
        };
        let json = line("21.5", T, "Celsius") + &line("70.7", "1700000060", "Fahrenheit");
        for flags in ["", "--coerce", "--only~x"] {
            assert_eq!(read(&*json, flags)[1], "2 unit", "{name} {flags}");
        }
    }
    let nested = "{\"id\":\"a\",\"ts\":1700000000,\"t\":21.5,\"meta\":{\"TempUnit\":\"C\"}}\n\
        {\"id\":\"a\",\"ts\":1700000060,\"t\":70.7,\"meta\":{\"TempUnit\":\"F\"}}\n";
    let flags = "--map~sensor_id=id~--map~temperature=t~--map~current_time=ts";
    assert_eq!(read(nested, flags)[1], "2 unit");
    let grades = format!("{H},grade\nk,20.5,{T},C\nk,21.5,1700000060,F\n");
    assert_eq!(read(&*grades, "--drop~grade").len(), 2, "it is said to be none");
    assert_eq!(read(grades.replace(",C", ",B"), "").len(), 2);
}

#[test]
fn row_of_another_quantity_does_not_end_the_check_of_units() {
    for other in ["%", "kWh", "lx"] {
        let csv = format!("{H},unit\nk,40,{T},{other}\nk,70.7,1700000060,F\nk,21.5,1700000120,C\n");
        assert_eq!(read(csv, "")[2], "4 unit", "{other}");
    }
}

#[test]
fn unit_of_a_quantity_of_its_own_row_is_that_of_all_temperatures() {
    let rows = "device,quantity,unit,value,time\na,temperature,C,21.5,1700000000\na,humidity,%,40,1700000000\n\
        b,temperature,F,70.7,1700000000\n";
    let flags = "--map~sensor_id=device~--map~current_time=time~--quantity~quantity~--value~value";
    for more in ["", "~--map~temperature_unit=unit"] {
        let all = read(rows, &format!("{flags}{more}"));
        assert_eq!(all[0], "4 unit", "{more}");
        assert!(all[1].starts_with("a 21.5 1700000000") && all.len() == 2, "{all:?}");
    }
    let converted = read(rows, &format!("{flags}~--unit~temperature=F:C"));
    assert_eq!((converted[0].as_str(), converted.len()), ("2 unit", 2), "{converted:?}");
    let named = rows.replace("unit", "Einheit");
    assert_eq!(read(named, flags)[0], "4 unit", "whatever its name");

    let document = |device: &str, quantity: &str, unit: &str, value: &str| {
        format!("{{\"device\":\"{device}\",\"q\":\"{quantity}\",\"u\":\"{unit}\",\"v\":{value},\"time\":1700000000}}\n")
    };
    let json = document("a", "temperature", "C", "21.5") + &document("a", "humidity", "%", "40");
    let json = json + &document("b", "temperature", "F", "70.7");
    let flags = "--map~sensor_id=device~--map~current_time=time~--quantity~q~--value~v";
    for more in ["", "~--map~temperature_unit=u"] {
        assert_eq!(read(&*json, &format!("{flags}{more}"))[0], "3 unit", "{more}");
    }
    let history = "entity_id,state,last_changed,unit\nsensor.attic_temperature,21.5,2023-11-14T22:13:20Z,°C\n\
        sensor.cellar_temperature,52.7,2023-11-14T22:13:20Z,°F\n";
    let flags =
        "--quantity~entity_id~--value~state~--map~current_time=last_changed~--map~temperature=sensor.*_temperature";
    assert_eq!(read(history, flags), ["3 unit", "attic 21.5 1700000000"]);
}

#[test]
fn alternatives_of_several_units_are_refused_by_name() {
    let csv = format!("sensor_id,temp_c,temp_f,current_time\na,21.5,,{T}\nb,,70.7,{T}\n");
    assert!(wrong(&*csv, "--map~temperature=temp_c//temp_f").contains("column `temp_f`"));
    assert_eq!(read(&*csv, "--map~temperature=temp_c~--drop~temp_f").len(), 2);
    assert!(wrong(&*csv, "--map~temperature=temp_c~--unit~temperature=F:C").contains("converts from F"));
    let json = format!("{{\"sensor_id\":\"a\",\"temp_c\":21.5,\"current_time\":{T}}}\n");
    assert!(wrong(&*json, "--map~temperature=temp_c//temp_f").contains("column `temp_f`"));
    let probes = csv.replace("temp_c", "temp_a");
    assert_eq!(read(probes, "--map~temperature=temp_a//temp_f").len(), 2, "a letter alone is a probe's");
}

#[test]
fn column_that_counts_parts_of_a_degree_is_refused_until_an_option_says_so() {
    let csv = format!("sensor_id,current_time,Temp [1/10 °C]\nk,{T},215\n");
    let map = "--map~temperature=Temp [1/10 °C]";
    let error = wrong(csv.clone(), map);
    assert!(
        error.contains("parts of a degree") && error.contains("`--unit temperature=C/10:C` divides by 10"),
        "{error}"
    );
    assert_eq!(read(csv.clone(), &format!("{map}~--unit~temperature=C/10:C")), ["k 21.5 1700000000"]);
    assert_eq!(read(csv, &format!("{map}~--unit~temperature=C:C")), ["k 215 1700000000"]);
    let json = r#"{"sensor_id":"k","temp_x10":215,"current_time":1700000000}"#;
    let error = wrong(json, "--map~temperature=temp_x10");
    assert!(error.contains("--unit temperature=C/10:C"), "{error}");
}

#[test]
fn row_of_units_between_the_rows_refuses_those_below_it_where_it_names_another() {
    let rows = |units: [&str; 3]| {
        let [first, second, third] = units;
        format!("{H}\n{first}k,70.7,{T}\n{second}k,21.5,1700000060\n{third}k,70.9,1700000120\n")
    };
    let (celsius, fahrenheit) = (",°C,s\n", ",°F,s\n");
    let first = "k 70.7 1700000000";
    let refused = ["4 unit", "5 unit"];
    assert_eq!(read(rows([fahrenheit, celsius, ""]), ""), [first, "4 unit", "5 unit", "6 unit"]);
    let again = read(rows([fahrenheit, celsius, fahrenheit]), "");
    assert_eq!(again, [first, refused[0], refused[1], "k 70.9 1700000120"]);
    assert_eq!(read(rows([fahrenheit, fahrenheit, ""]), "").len(), 3);
    assert_eq!(read(rows(["", celsius, ""]), ""), [first, "3 unit", "4 unit", "5 unit"], "before, none is known");
    let converted = read(rows([celsius, "", ""]), "--unit~temperature=F:C");
    assert_eq!(converted, ["2 unit", "3 unit", "4 unit", "5 unit"]);
    let skipped = read(rows([celsius, "", ""]), "--unit~temperature=F:C~--skip-after-header~1");
    assert_eq!(skipped, ["3 unit", "4 unit", "5 unit"]);
}

#[test]
fn unit_of_another_quantity_beside_a_temperature_is_rejected() {
    for name in ["unit", "einheit"] {
        let csv = format!("{H},{name}\nk,21.5,{T},C\nk,40,1700000060,%\nk,21.6,1700000120,C\n");
        let found = read(csv, "");
        assert_eq!((found.len(), found[1].as_str()), (3, "3 unit"), "{name}");
        let line = |temperature: &str, time: u64, unit: &str| {
            format!(
                "{{\"sensor_id\":\"k\",\"temperature\":{temperature},\"current_time\":{time},\"{name}\":\"{unit}\"}}\n"
            )
        };
        let json = line("21.5", 1_700_000_000, "C") + &line("40", 1_700_000_060, "%");
        assert_eq!(read(json, "")[1], "2 unit", "{name}");
    }
    let line = |temperature: &str, time: u64, unit: &str| {
        format!(
            "{{\"sensor_id\":\"k\",\"temperature\":{temperature},\"current_time\":{time},\"meta\":{{\"unit\":\"{unit}\"}}}}\n"
        )
    };
    let nested = line("21.5", 1_700_000_000, "C") + &line("70.7", 1_700_000_060, "F");
    assert_eq!(read(nested, "")[1], "2 unit");
}

#[test]
fn text_for_no_sensor_names_none() {
    for none in ["-", "--", "N/A"] {
        assert_eq!(read(format!("{H}\n{none},21.5,{T}\n"), ""), ["2 missing-key"], "{none}");
        let json = format!("{{\"sensor_id\":\"{none}\",\"temperature\":21.5,\"current_time\":{T}}}\n");
        assert_eq!(read(json.clone(), ""), ["1 missing-key"], "{none}");
        let extended = json.replace("}\n", ",\"x\":{}}\n");
        assert_eq!(read(extended, ""), ["1 missing-key"], "{none}");
        let copy = json.replace("}\n", ",\"shard_id\":\"s\",\"sequence_number\":\"1\"}\n");
        assert_eq!(read(copy, "").len(), 1, "what is stored is copied");
    }
    assert_eq!(read(format!("temperature,sensor_id,current_time\n21.5,#N/A,{T}\n"), ""), ["2 missing-key"]);
    for name in ["n-1", "null", "nan"] {
        assert_eq!(read(format!("{H}\n{name},21.5,{T}\n"), ""), [format!("{name} 21.5 {T}")]);
    }
}
