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
