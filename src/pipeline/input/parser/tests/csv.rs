//! CSV of loggers: delimiters, headers, units, cut lines.

use super::*;

#[test]
fn delimiter_and_decimal_comma_are_recognized() {
    let rows = "keller;21,5;1700000000;40,25\nkeller;-3,0;1700000060;41\n";
    let expected = [r#"keller 21.5 1700000000,"humidity":40.25"#, r#"keller -3 1700000060,"humidity":41"#];
    let header = "sensor_id;temperature;current_time;humidity\n";
    assert_eq!(read(format!("{header}{rows}"), ""), expected);
    let other = |to: &str| format!("{header}{rows}").replace(';', to);
    assert_eq!(read(other("\t"), ""), expected);
    assert_eq!(read(other("|"), ""), expected);
    assert_eq!(read(format!("sep=;\r\n{header}{rows}"), ""), expected);
    assert_eq!(read(format!("{header}{rows}").replace('\n', ";;\n"), ""), expected, "`;;` at line ends");
    let points = "sensor_id;temperature;current_time\nk;21.5;1700000000\n";
    assert_eq!(read(points, ""), ["k 21.5 1700000000"]);
    assert_eq!(read(points.replace(';', "^"), "--delimiter~^"), ["k 21.5 1700000000"]);
    assert_eq!(read(points.replace(';', "   "), "--delimiter~blanks"), ["k 21.5 1700000000"]);
}

#[test]
fn comma_before_three_digits_is_never_guessed() {
    let file = |rows: &str| format!("sensor_id;temperature;current_time\n{rows}");
    assert_eq!(read(file("k;1,234;1700000000\n"), ""), ["2 decimal-sign"]);
    // Another number of the file says what the comma is.
    assert_eq!(read(file("k;1,234;1700000000\nk;21,5;1700000060\n"), ""), ["k 1.234 1700000000", "k 21.5 1700000060"]);
    assert_eq!(read(file("k;1,234;1700000000\n"), "--decimal~comma"), ["k 1.234 1700000000"]);
    assert_eq!(read(format!("{H}\nk,\"1,234\",{T}\n"), ""), ["2 decimal-sign"]);
    assert_eq!(read(format!("{H}\nk,\"1,234\",{T}\nk,5.5,{T}\n"), "")[0], "2 decimal-sign");
    assert_eq!(read(format!("{H}\nk,\"21,5\",{T}\n"), "--decimal~comma"), ["k 21.5 1700000000"]);
    let further = "sensor_id;temperature;current_time;p\nk;5;1700000000;1,234\n";
    assert_eq!(read(further, ""), ["2 decimal-sign"], "a further column is no more certain");
}

#[test]
fn unnamed_columns_are_ignored_only_while_they_are_empty() {
    assert_eq!(read(format!("{H},\nk,21.5,{T},\n"), ""), ["k 21.5 1700000000"]);
    assert_eq!(read(format!("{H},\nk,21.5,{T},x\n"), ""), ["2 unnamed-column"]);
    assert_eq!(read(format!("{H},,\nk,21.5,{T}\n"), ""), ["k 21.5 1700000000"]);
}

#[test]
fn header_is_found_below_other_lines() {
    let text = format!("\"Plot Title: Cellar\"\n# made by hand\n\n{H}\nk,21.5,{T}\n");
    assert_eq!(read(text.clone(), ""), ["k 21.5 1700000000"]);
    assert_eq!(read(text, "--skip-lines~2"), ["k 21.5 1700000000"]);
    let hobo = "\"Plot Title: pond\"\n\"#\",\"Date Time, GMT+01:00\",\"Temp, °C (LGR S/N: 555)\",\"End Of File\"\n1,2031-03-02 08:15:00,4.311,\n";
    let message = wrong(hobo, "");
    assert!(message.contains("there is no column `sensor_id`; there are: #"), "{message}");
    assert!(message.contains("line 2 looks like the header"), "{message}");
    let flags = "--map~current_time=Date Time, GMT+01:00~--map~temperature=Temp, *~--sensor~pond~--drop~#,End Of File";
    assert_eq!(read(hobo, flags), ["pond 4.311 1930202100"]);
}

#[test]
fn several_columns_for_one_field_are_refused_and_not_left_out() {
    let hobo = "#,\"Date Time, GMT-07:00\",\"Temp, °C (LBL: a)\",\"RH, % (LBL: a)\",\"Temp, °C (LBL: b)\",\"RH, % (LBL: b)\"\n\
        1,2031-03-02 08:15:00,4.5,81,5.5,82\n";
    let flags = "--map~current_time=Date Time*~--map~temperature=Temp*LBL: {*})~--sensor~pond~--only~humidity~--map~humidity=RH*//";
    let message = wrong(hobo, flags);
    assert!(message.contains("several columns match `RH*`; `--map humidity=COLUMN`"), "{message}");
    let dropped = format!("{flags}~--drop~humidity");
    assert_eq!(read(hobo, &dropped), ["pond/a 4.5 1930230900", "pond/b 5.5 1930230900"]);
}

#[test]
fn unit_rows_repeated_headers_and_sections_are_no_readings() {
    let text = format!("{H}\n,°C,s\nk,21.5,{T}\n{H}\nk,21.6,1700000060\n");
    assert_eq!(read(text, ""), ["k 21.5 1700000000", "k 21.6 1700000060"]);
    let toa5 = "\"TOA5\",\"Ridge\",\"CR1000\"\n\"TIMESTAMP\",\"RECORD\",\"AirTC_Avg\"\n\"TS\",\"RN\",\"Deg C\"\n\"\",\"\",\"Avg\"\n\"2031-03-02 08:15:00\",10,4.31\n\"2031-03-02 08:16:00\",11,\"NAN\"\n";
    let flags = "--map~sensor_id=@1.2~--map~temperature=AirTC_Avg~--map~current_time=TIMESTAMP~--missing~nan";
    assert_eq!(read(toa5, flags), [r#"Ridge 4.31 1930205700,"RECORD":10"#, "6 missing-key"]);
    let sections = "Time stamp,State\nsensor.attic\n2031-03-02 08:15:00,19.4\nsensor.cellar\n2031-03-02 08:15:00,9.4\n";
    let flags = "--map~sensor_id=@section~--map~temperature=State~--map~current_time=Time stamp";
    assert_eq!(read(sections, flags), ["sensor.attic 19.4 1930205700", "sensor.cellar 9.4 1930205700"]);
}

#[test]
fn reading_above_the_header_is_rejected_and_not_passed_over() {
    let text = format!("k,21.4,1699999940\nmade by,2,hand\n{H}\nk,21.5,{T}\n");
    assert_eq!(read(text.clone(), ""), ["1 above-header", "k 21.5 1700000000"]);
    assert_eq!(read(text, "--skip-lines~1"), ["k 21.5 1700000000"]);
}

#[test]
fn columns_in_another_order_below_a_new_header_are_read_by_it() {
    let text = format!("{H}\na,1,{T}\n\ncurrent_time,sensor_id,temperature,x\n1700000060,b,2,7\n");
    assert_eq!(read(text, ""), ["a 1 1700000000", r#"b 2 1700000060,"x":7"#]);
}

#[test]
fn file_without_header_is_named_as_one_and_read_with_columns() {
    let text = "1700000000,nan,14.4,nan,0\n1700000060,nan,14.5,nan,0\n";
    let message = wrong(text, "");
    assert!(message.contains("holds values and no names") && message.contains("--columns"), "{message}");
    assert!(!message.contains("14.4"), "{message}");
    let flags = "--columns~current_time,,temperature,,~--sensor~pit";
    assert_eq!(read(text, flags), ["pit 14.4 1700000000", "pit 14.5 1700000060"]);
    let message = wrong("my secret,another\n", "");
    assert!(!message.contains("secret"), "{message}");
}

#[test]
fn hints_fit_what_the_file_is() {
    let binary = wrong(b"\x7fELF\x02\x01\x01\x00\xff\xfe\x03\x90\n\x00\x01".to_vec(), "");
    assert!(binary.contains("binary data") && binary.contains("sensorctl inspect"), "{binary}");
    assert!(!binary.contains("--encoding") && !binary.contains("--map"), "{binary}");
    let colons = wrong(format!("{H}\nk,1,{T}\n").replace(',', ":"), "");
    assert!(colons.contains("`--delimiter :`") && !colons.contains("--map"), "{colons}");
    assert!(wrong("made by hand\nhello\n", "").contains("--map"));
}

#[test]
fn column_that_is_there_twice_is_refused_only_when_it_is_needed() {
    let text = format!("{H},note,note\nk,21.5,{T},x,y\n");
    let message = wrong(text.clone(), "");
    assert!(message.contains("`note` is there twice, as columns 4 and 5"), "{message}");
    assert_eq!(read(text, "--drop~note"), ["k 21.5 1700000000"]);
}

#[test]
fn mapped_column_is_named_where_its_own_key_is_missed() {
    let message = wrong(format!("{H}\nk,1,2\n"), "--map~foo=temperature");
    assert!(message.contains("`temperature` is mapped to `foo`; nothing gives `temperature`"), "{message}");
}

#[test]
fn several_temperatures_of_a_row_become_several_readings() {
    let text = "current_time,inlet,outlet\n1700000000,1.5,2.5\n1700000060,,3\n1700000120,,\n";
    let flags = "--sensor~pond~--map~temperature=inlet~--map~temperature=outlet";
    assert_eq!(
        read(text, flags),
        ["pond/inlet 1.5 1700000000", "pond/outlet 2.5 1700000000", "pond/outlet 3 1700000060", "4 missing-key"]
    );
    let text = text.replace("inlet", "T_1_Avg").replace("outlet", "T_2_Avg");
    assert_eq!(
        read(text, "--sensor~pond~--map~temperature=T_*_Avg")[..2],
        ["pond/1 1.5 1700000000", "pond/2 2.5 1700000000"]
    );
}

#[test]
fn two_columns_are_joined_to_one_time() {
    let text = "sensor_id,date,clock,temperature\nk,2023-11-14,22:13:20,21.5\nk,2023-11-14,22:14:20,21.6\n";
    assert_eq!(read(text, "--map~current_time=date+clock"), ["k 21.5 1700000000", "k 21.6 1700000060"]);
}

#[test]
fn further_columns_keep_their_types() {
    let text = format!(
        "{H},x\nk, 2.5,1700000001, 40\nk,+1,1700000002,+1\nk,.5,1700000003,.5\nk,5,1700000004,05\nk,5,1700000005,12e4\n\
         k,5,1700000006,1234567890123456789012345678901234567890\n"
    );
    let fields: Vec<_> = read(text, "").iter().map(|line| line.split_once("\"x\":").unwrap().1.to_owned()).collect();
    let serial = "\"1234567890123456789012345678901234567890\"";
    assert_eq!(fields, ["40", "1", "0.5", "\"05\"", "\"12e4\"", serial]);
}

#[test]
fn times_are_seconds_only_where_that_is_certain() {
    let text =
        format!("{H}\nk,1,45244.9259\nk,2,1700000000000\nk,3,20231114221320\nk,4,20231114\nk,5,1700000000\nk,6,-5\n");
    assert_eq!(
        read(text, ""),
        ["2 time-unit", "k 2 1700000000", "4 time-unit", "5 time-unit", "k 5 1700000000", "7 time-unit"]
    );
    let days = format!("{H}\nk,4,20231114\n");
    assert_eq!(read(days.clone(), "--time-unit~s"), ["k 4 20231114"]);
    assert_eq!(read(days, "--time-format~%Y%m%d"), ["k 4 1699920000"]);
    let german = format!("{H}\nk,4,14.11.2023 23:13\n");
    assert_eq!(read(german.clone(), ""), ["2 ambiguous-time"]);
    assert_eq!(read(german, "--time-format~%d.%m.%Y %H:%M~--time-zone~Europe/Berlin"), ["k 4 1699999980"]);
}

#[test]
fn whole_days_of_a_spreadsheet_are_rejected_like_their_neighbours() {
    assert_eq!(read(format!("{H}\nk,1,45244.0\nk,1,1700000000\n"), ""), ["2 time-unit", "k 1 1700000000"]);
    let text = format!("{H}\nk,1,45244\nk,1,45244.25\nk,1,45245\n");
    assert_eq!(read(text.clone(), ""), ["2 time-unit", "3 time-unit", "4 time-unit"]);
    assert_eq!(read(text, "--time-unit~s"), ["k 1 45244", "k 1 45244.25", "k 1 45245"]);
    assert_eq!(read(format!("{H}\nk,1,45244\nk,1,19999.5\n"), ""), ["k 1 45244", "k 1 19999.5"]);
}

#[test]
fn whole_days_of_a_spreadsheet_are_never_silently_seconds() {
    let day = |time: &str| format!("{{\"sensor_id\":\"k\",\"temperature\":1,\"current_time\":{time}}}\n");
    let days = [day("45244"), day("45244.25"), day("45245")].concat();
    assert_eq!(read(days.clone(), ""), ["k 1 45244", "2 time-unit", "3 time-unit"]);
    assert_eq!(counted(days.clone(), "").times.possible_days, 1);
    assert_eq!(read(days.clone(), "--coerce"), ["k 1 45244", "2 time-unit", "3 time-unit"]);
    assert_eq!(counted(days.clone(), "--coerce").times.possible_days, 1);
    assert_eq!(counted(days, "--time-unit~s").times.possible_days, 0);
    let layout_unit = InputOptions { is_time_unit_of_layout: true, ..options("--time-unit~s") };
    let mut input = open(format!("{H}\nk,1,45244\n"), &layout_unit).unwrap();
    assert!(matches!(input.next(), Ok(Some(ParsedLine::Ready(_)))));
    assert_eq!(input.facts().times.possible_days, 1);

    let rows: Vec<_> = (0..9000).map(|row| format!("k,1,{}\n", 1_700_000_000 + row)).collect();
    let rows = rows.concat();
    let far = format!("{H}\n{rows}k,1,45244\nk,1,45244.25\nk,1,45245\n");
    assert_eq!(read(far.clone(), "")[9000..], ["k 1 45244", "9003 time-unit", "9004 time-unit"]);
    assert_eq!(counted(far, "").times.possible_days, 1);
    assert_eq!(counted(format!("{H}\nk,1,19999\nk,1,80001\n"), "").times.possible_days, 0);
    let copy = format!("{H},shard_id,sequence_number\nk,1,45244,s,1\n");
    assert_eq!(counted(copy, "").times.possible_days, 0);
}

#[test]
fn cut_last_line_is_taken_only_when_it_is_whole() {
    let cut = |text: &str| read(format!("{H}\nk,21.5,1700000000\n{text}"), "")[1..].to_vec();
    assert_eq!(cut("k,21.6,17000"), ["3 cut-line"]);
    assert_eq!(cut("k,21.6"), ["3 cut-line"]);
    assert_eq!(cut("k,21.6,1700000060"), ["k 21.6 1700000060"]);
    assert_eq!(cut("k,21.6,17000\n"), ["k 21.6 17000"]);
}

#[test]
fn missing_values_constants_and_dropped_fields() {
    let text = format!("{H},h,p\nk,-9999,{T},1,2\nk,5,{T},-9999.0,unavailable\n");
    let flags = "--missing~-9999,unavailable~--field~site=lab~--field~a=1";
    assert_eq!(read(text.clone(), flags), ["2 missing-key", r#"k 5 1700000000,"a":1,"site":"lab""#]);
    assert_eq!(read(text.clone(), "--only~h")[0], r#"k -9999 1700000000,"h":1"#);
    assert_eq!(read(text, "--drop~h")[0], r#"k -9999 1700000000,"p":2"#);
}

#[test]
fn units_are_converted_exactly() {
    let text = format!("{H}\nk,70.7,{T}\n");
    assert_eq!(read(text, "--unit~temperature=F:C"), ["k 21.5 1700000000"]);
    let text = "current_time,Temp A (°C),Temp B (°F)\n1700000000,20,68\n";
    let flags = "--sensor~s~--map~temperature=Temp*";
    assert!(wrong(text, flags).contains("column `Temp B (°F)`"));
    let flags = "--sensor~s~--map~temperature=Temp B (°F)~--drop~Temp A (°C)~--unit~temperature=";
    assert_eq!(read(text, &format!("{flags}F:C")), ["s 20 1700000000"]);
    assert!(wrong(text, &format!("{flags}C:F")).contains("column `Temp B (°F)`"));
}

#[test]
fn output_of_scan_keeps_its_times_and_refuses_to_lose_types() {
    let text =
        format!("{H},shard_id,sequence_number\nk,1,-5,shardId-000000000000,49\nk,1,20231114,shardId-000000000000,49\n");
    assert_eq!(read(text.clone(), ""), ["k 1 -5", "k 1 20231114"]);
    let text = text.replace("current_time,", "current_time,serial,").replace("-5,", "-5,42,").replace("14,", "14,42,");
    assert!(wrong(text.clone(), "").contains("scan -o ndjson"));
    assert_eq!(read(text, "--untyped")[0], r#"k 1 -5,"serial":42"#);
}

#[test]
fn rows_of_one_quantity_are_joined_by_sensor_and_time() {
    let text = "entity_id,state,last_changed\nsensor.attic_temperature,unavailable,2031-03-02T07:00:00.000Z\n\
                sensor.attic_temperature,19.4,2031-03-02T07:15:00.250Z\nsensor.attic_humidity,51,2031-03-02T07:15:00.250Z\n\
                sensor.cellar_humidity,80,2031-03-02T07:15:00.250Z\n";
    let flags = "--quantity~entity_id~--value~state~--map~current_time=last_changed~--missing~unavailable\
                 ~--map~temperature=*_temperature~--map~humidity=*_humidity";
    // As in a row with all quantities, a temperature that is missing is a rejected row.
    assert_eq!(read(text, flags), ["2 missing-key", r#"sensor.attic 19.4 1930202100.25,"humidity":51"#]);
    let mut input = open(text, &options(flags)).unwrap();
    while input.next().unwrap().is_some() {}
    assert_eq!((input.facts().unjoined, input.facts().passed_over), (1, 0));
}

#[test]
fn annotated_csv_of_influxdb_is_joined() {
    let text = "#group,false,false,true,false,true,true\n#datatype,string,long,dateTime:RFC3339,double,string,string\n\
                #default,_result,,,,,\n,result,table,_time,_value,_field,room\n,,0,2031-03-02T07:15:00Z,19.4,temperature,attic\n\
                \n#group,false\n,result,table,_time,_field,_value,room\n,,1,2031-03-02T07:15:00Z,humidity,51,attic\n";
    let flags = "--quantity~_field~--value~_value~--map~sensor_id=room~--map~current_time=_time";
    assert_eq!(read(text, flags), [r#"attic 19.4 1930202100,"humidity":51"#]);
}

#[test]
fn line_that_is_passed_over_is_counted_once() {
    let text = format!("{H}\n# one\nk,21.5,{T}\n# \"two\"\nk,21.6,{T}\n# three");
    let mut input = open(text, &options("")).unwrap();
    while input.next().unwrap().is_some() {}
    assert_eq!(input.facts().passed_over, 3);
}

#[test]
fn quote_that_is_no_quote_costs_its_own_line_and_no_other() {
    let file = |rows: &str| read(format!("{H},note\n{rows}"), "");
    let codes = file("k,1,1700000000,\"5 inch\nk,2,1700000060,x\nk,3,1700000120,\"6 inch\nk,4,1700000180,x\n");
    let expected = ["2 open-quote", r#"k 2 1700000060,"note":"x""#, "4 open-quote", r#"k 4 1700000180,"note":"x""#];
    assert_eq!(codes, expected);
    assert_eq!(file("k,1,1700000000,\"a\"b\nk,4,1700000180,x\n"), ["2 open-quote", expected[3]]);
    // A quote that begins the next such value closes this one: the rows between are not part of its text.
    let rows = "\"5 inch,1,1700000000,x\nk,2,1700000060,x\n6 inch,3,1700000120,\"\n";
    assert_eq!(file(rows), ["2 open-quote", expected[1], "4 open-quote"]);
    assert_eq!(file("k,4,1700000180,\"5\"\" x\"\n"), [r#"k 4 1700000180,"note":"5\" x""#]);
}

#[test]
fn open_quotes_before_many_short_lines_take_linear_time() {
    let lines = 50_000;
    let started = std::time::Instant::now();
    let all = read(format!("{H}\n{}", "x\",\"\n".repeat(lines)), "");
    assert_eq!(all.len(), lines);
    assert!(all.iter().all(|line| line.ends_with("open-quote")));
    assert!(started.elapsed() < std::time::Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn humidity_of_several_probes_goes_to_the_probe_of_its_name() {
    let flags = "--sensor~k~--map~temperature=T {*}~--map~humidity=RH {*}//RH*//~--map~current_time=at";
    let file = "at,T in,T out,RH out,RH extra\n1700000000,1,2,80,5\n1700000060,3,4,,\n";
    let expected =
        ["k/in 1 1700000000", r#"k/out 2 1700000000,"humidity":80"#, "k/in 3 1700000060", "k/out 4 1700000060"];
    assert_eq!(read(file, flags), expected);
    assert_eq!(counted(file, flags).unassigned, 1, "the humidity of no temperature is counted");
    let twice = "at,T in,T out,RH in,RH in\n1700000000,1,2,80,5\n";
    assert!(wrong(twice, flags).contains("are both `humidity` of `in`"), "{}", wrong(twice, flags));
    assert!(wrong("at,T in,T in\n1700000000,1,2\n", flags).contains("give the temperature `in`"));
    // Of one temperature, as before.
    assert_eq!(read("at,T in,RH out\n1700000000,1,80\n", flags), [r#"k 1 1700000000,"humidity":80"#]);
}

#[test]
fn names_of_only_and_drop_may_hold_commas_and_unknown_ones_are_refused() {
    let text = format!("{H},\"Dew point, °C\",rh\nk,1,{T},4,41\n");
    let both = r#"k 1 1700000000,"Dew point, °C":4"#;
    assert_eq!(read(text.clone(), "--only~\"Dew point, °C\""), [both]);
    assert_eq!(read(text.clone(), "--drop~\"Dew point, °C\",rh"), ["k 1 1700000000"]);
    assert_eq!(read(text.clone(), "--only~sensor_id,\"Dew point, °C\",temperature"), [both], "keys are kept anyway");
    for (flag, said) in [
        ("--only~RH", "`--only`: there is no column `RH`; there are: sensor_id, temperature, current_time, Dew point"),
        ("--drop~Dew point", "`--drop`: there is no column `Dew point`"),
        ("--drop~temperature", "`--drop`: every reading has `temperature`"),
        ("--only~rh~--map~humidity=rh", "`--only`: column `rh` is read as `humidity`"),
        ("--drop~rh~--map~humidity=rh", "`--drop`: column `rh` is read as `humidity`"),
    ] {
        let message = wrong(text.clone(), flag);
        assert!(message.contains(said), "{flag}: {message}");
    }
    assert_eq!(read(text.clone(), "--only~humidity~--map~humidity=rh"), [r#"k 1 1700000000,"humidity":41"#]);
    let rows = text.lines().nth(1).unwrap().to_owned() + "\n";
    let columns = format!("--columns~{H},\"Dew point, °C\",rh~--only~\"Dew point, °C\"");
    assert_eq!(read(rows, &columns), [both]);
    assert_eq!(read(text, "--missing~\"4,0\",41"), ["k 1 1700000000"], "a value with a comma");
}

#[test]
fn star_of_a_column_stands_for_nothing_too() {
    let text = "Date Time,Temp,Temp 2\n2023-11-14 22:13:20,1,2\n";
    let flags = "--map~current_time=Date Time*~--sensor~k";
    assert_eq!(read(text, &format!("{flags}~--map~temperature=Temp*")), ["k/Temp 1 1700000000", "k/2 2 1700000000"]);
}

#[test]
fn one_of_the_patterns_of_a_column_must_match() {
    let text = format!(
        "{H},q\nk,\"+0194,1\",{T},\nk,\"+0195,2\",1700000060,\nk,\"+0196,5\",1700000120,\nk,\"+9999,9\",1700000180,\n\
        k,\"+0197,1\",1700000240,X\n"
    );
    let flags = "--match~temperature=*,1~--match~temperature=*,5~--match~temperature=*,9~--match~q=~--missing~+9999";
    assert_eq!(read(text.clone(), flags), ["k 194 1700000000", "k 196 1700000120"]);
    assert_eq!(counted(text, flags).passed_over, 3);
    let sections = "Time stamp,State\nsensor.a_temperature\n1700000000,1\nsensor.a_power\n1700000000,2\nsensor.b_temp\n1700000000,3\n";
    let flags = "--map~sensor_id=@section~--map~temperature=State~--map~current_time=Time stamp\
                 ~--match~@section=sensor.*_temperature~--match~@section=sensor.*_temp";
    assert_eq!(read(sections, flags), ["a 1 1700000000", "b 3 1700000000"]);
}
