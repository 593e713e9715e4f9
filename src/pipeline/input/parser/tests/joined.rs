//! Files that were joined, with lines above each header that say whose rows it has.

use super::*;

const TOA5: &str = "--format~csv~--skip-lines~1~--map~sensor_id=@1.2~--map~temperature=AirTC_Avg~\
    --map~current_time=TIMESTAMP~--only~RH~--skip-after-header~2";

fn toa5(station: &str, unit: &str, temperature: f64) -> String {
    format!(
        "\"TOA5\",\"{station}\",\"CR1000\",\"777\"\n\"TIMESTAMP\",\"AirTC_Avg\",\"RH\"\n\"TS\",\"{unit}\",\"%\"\n\
         \"\",\"Avg\",\"Smp\"\n\"2023-11-14 22:13:20\",{temperature},40\n"
    )
}

#[test]
fn values_above_a_later_header_are_those_of_its_rows() {
    let text = [toa5("Ridge", "Deg C", 21.5), toa5("Valley", "Deg C", 11.5), toa5("Ridge", "Deg C", 21.6)].concat();
    let expected = [
        r#"Ridge 21.5 1700000000,"RH":40"#,
        "6 column-count",
        r#"Valley 11.5 1700000000,"RH":40"#,
        "11 column-count",
        r#"Ridge 21.6 1700000000,"RH":40"#,
    ];
    assert_eq!(read(text.clone(), TOA5), expected);
    let member = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let members =
        [member(&text[..text.find("\"TOA5\",\"Valley").unwrap()]), member(&toa5("Valley", "Deg C", 11.5))].concat();
    assert_eq!(read(members, TOA5), expected[..3]);
    // The header alone, as a logger writes it that starts again.
    let again =
        format!("{}\"TIMESTAMP\",\"AirTC_Avg\",\"RH\"\n\"2023-11-14 22:14:20\",7,\n", toa5("Ridge", "Deg C", 21.5));
    assert_eq!(read(again, TOA5)[1], "Ridge 7 1700000060");
}

#[test]
fn rows_below_another_unit_are_rejected() {
    let text = [toa5("Ridge", "Deg C", 21.5), toa5("Valley", "Deg F", 52.7), toa5("Lake", "Deg C", 9.5)].concat();
    let expected = [
        r#"Ridge 21.5 1700000000,"RH":40"#,
        "6 column-count",
        "8 unit",
        "9 unit",
        "10 unit",
        "11 unit",
        r#"Lake 9.5 1700000000,"RH":40"#,
    ];
    assert_eq!(read(text, TOA5), expected);
    let units = |unit: &str| format!("{H}\n,{unit},\na,1,{T}\n");
    assert_eq!(
        read([units("degC"), units("degC"), units("degF")].concat(), ""),
        ["a 1 1700000000", "a 1 1700000000", "8 unit", "9 unit"]
    );
}

#[test]
fn rows_of_another_device_are_rejected_where_all_are_one_sensor() {
    let flags = "--sensor~s~--map~current_time=time";
    let pvvx = |name: &str, row: &str| format!("{name}\ntime,temperature\n{row}\n");
    let (attic, cellar) = (pvvx("ATC_A1B2C3", "1700000000,21.5"), pvvx("ATC_D4E5F6", "1700000000,11.5"));
    let expected = [
        "s 21.5 1700000000",
        "4 column-count",
        "5 other-device",
        "6 other-device",
        "7 other-device",
        "s 21.5 1700000000",
    ];
    assert_eq!(read([attic.clone(), cellar, attic].concat(), flags), expected);
    let open_meteo = |offset: &str| {
        format!("latitude,utc_offset_seconds,timezone\n50.8,{offset}\n\ntime,temperature\n2023-11-14T22:13,21.5\n\n")
    };
    let flags = "--sensor~s~--skip-lines~3~--map~current_time=time~--map~utc_offset=@2.2";
    let found = read([open_meteo("3600,Europe/Brussels"), open_meteo("0,GMT")].concat(), flags);
    assert_eq!(
        (found[0].as_str(), found.last().unwrap().as_str()),
        ("s 21.5 1699996380", "11 other-device"),
        "{found:?}"
    );
    let map = flags.replace("--sensor~s", "--map~sensor_id=@2.1");
    let found = read([open_meteo("3600,Europe/Brussels"), open_meteo("0,GMT")].concat(), &map);
    assert_eq!(found.last().unwrap(), "50.8 21.5 1699999980", "{found:?}");
}

#[test]
fn another_logger_in_the_names_of_a_header_is_rejected_where_all_are_one_sensor() {
    let hobo = |serial: u32, unit: char| {
        format!(
            "\"Plot Title: pond\"\n\"#\",\"Date Time, GMT+01:00\",\"Temp, °{unit} (LGR S/N: {serial}, LBL: x)\"\n1,2023-11-14 23:13:20,21.5\n"
        )
    };
    let flags = "--sensor~s~--map~temperature=Temp*~--map~current_time=Date Time*~--drop~#";
    let read = |files: &[String]| read(files.concat(), flags);
    assert_eq!(read(&[hobo(1, 'C'), hobo(1, 'C')]), ["s 21.5 1700000000", "4 column-count", "s 21.5 1700000000"]);
    let expected = ["s 21.5 1700000000", "4 column-count", "5 other-header", "6 other-header"];
    assert_eq!(read(&[hobo(1, 'C'), hobo(2, 'C')]), expected);
    assert_eq!(read(&[hobo(1, 'C'), hobo(1, 'F')]), expected);
}
