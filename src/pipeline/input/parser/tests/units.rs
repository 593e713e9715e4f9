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
