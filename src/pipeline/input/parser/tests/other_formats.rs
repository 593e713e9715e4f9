//! Compression, encodings, line ends, line protocol, `SenML` and topics.

use super::*;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_files_and_files_of_other_line_ends_are_read() {
    let text = format!("{H}\nk,21.5,{T}\nk,21.6,1700000060\n");
    let expected = ["k 21.5 1700000000", "k 21.6 1700000060"];
    assert_eq!(read(gzip(&text), ""), expected);
    let zstd = ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    assert_eq!(read(zstd, ""), expected);
    assert_eq!(read(text.replace('\n', "\r\n"), ""), expected);
    assert_eq!(read(text.replace('\n', "\r"), ""), expected);
    assert!(wrong(b"PK\x03\x04".to_vec(), "").contains("workbook"));
    let mut outer = GzEncoder::new(Vec::new(), flate2::Compression::default());
    outer.write_all(&gzip(&text)).unwrap();
    let message = wrong(outer.finish().unwrap(), "");
    assert!(message.contains("compressed twice") && message.contains("zcat dir/file-7.csv"), "{message}");
}

#[test]
fn encodings_are_recognized_or_named() {
    let text = format!("{H},raum\nk,21.5,{T},Küche\n");
    let expected = [r#"k 21.5 1700000000,"raum":"Küche""#];
    let utf_16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(utf_16.clone(), ""), expected);
    let latin: Vec<u8> = text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect();
    assert_eq!(read(latin.clone(), "--encoding~latin1"), expected);
    assert_eq!(read(latin.clone(), ""), ["2 not-utf-8"]);
    let ParsedLine::Rejected(line) = &items(latin, &options(""))[0] else { panic!() };
    assert!(line.reason.contains("--encoding windows-1252"), "{}", line.reason);
    let header = b"sensor_id,temperature,current_time,Temp(\xb0C)\nk,1,2,3\n".to_vec();
    assert!(wrong(header, "").contains("--encoding windows-1252"));
    assert!(wrong(utf_16[2..].to_vec(), "").contains("--encoding utf-16le"));
    // Text of one encoding read as another is rejected, not stored.
    let gbk = [format!("{H},x\nk,1,{T},").as_bytes(), b"\xb2\xe2\n"].concat();
    assert_eq!(read(gbk.clone(), "--encoding~gbk"), [r#"k 1 1700000000,"x":"测""#]);
    assert_eq!(read(gbk, "--encoding~euc-kr")[0].split(' ').next(), Some("k"), "bytes of both are no mistake");
    let broken = [format!("{H},x\nk,1,{T},").as_bytes(), b"\xff\xff\n"].concat();
    assert_eq!(read(broken, "--encoding~gbk"), ["2 wrong-encoding"]);
}

#[test]
fn line_protocol_is_read_in_nanoseconds() {
    let text = "# DML\nclimate,room=attic temperature=19.4,humidity=51i 1930202100000000000\nclimate,room=attic temperature=19.5\n";
    let flags = "--map~sensor_id=room~--drop~measurement";
    assert_eq!(read(text, flags), [r#"attic 19.4 1930202100,"humidity":51"#, "3 missing-key"]);
    assert_eq!(
        read("m,sensor_id=a temperature=1 1930202100000\n", "--time-unit~ms")[0],
        r#"a 1 1930202100,"measurement":"m""#
    );
}

#[test]
fn senml_packs_are_joined() {
    let text = r#"[{"bn":"urn:dev:mac:0a0b0c:","bt":1930202100,"bu":"Cel","n":"temp","v":20.5},{"n":"rh","u":"%RH","v":48},
{"n":"temp","t":-60,"v":20.4}]
[{"n":"other:temp","u":"Cel","v":1,"t":1930202100}]"#;
    assert_eq!(
        read(text, ""),
        [
            "other 1 1930202100".to_owned(),
            "urn:dev:mac:0a0b0c 20.4 1930202040".to_owned(),
            r#"urn:dev:mac:0a0b0c 20.5 1930202100,"humidity":48"#.to_owned()
        ]
    );
}

#[test]
fn lines_of_a_broker_give_topic_and_payload() {
    let text = "zigbee2mqtt/cellar {\"battery\":87,\"last_seen\":\"2031-03-02T07:15:00.250Z\",\"temperature\":11.84}\nzigbee2mqtt/bridge/state {\"state\":\"online\"}\n";
    let flags = "--map~sensor_id=topic~--map~current_time=payload.last_seen~--match~topic=zigbee2mqtt/*~--match~payload.temperature=*";
    assert_eq!(read(text, flags), [r#"cellar 11.84 1930202100.25,"battery":87"#]);
    let tasmota = "tele/shed/SENSOR {\"Time\":\"2031-03-02T08:15:00\",\"DS18B20-1\":{\"Id\":\"0000AB12\",\"Temperature\":4.3},\"DS18B20-2\":{\"Id\":\"0000CD34\",\"Temperature\":null},\"TempUnit\":\"C\"}\ntele/shed/STATE {\"Uptime\":1}\n";
    let flags = "--map~sensor_id=topic+payload.*.@key~--map~temperature=payload.*.Temperature~--map~current_time=payload.Time\
                 ~--match~topic=tele/*/SENSOR~--match~payload.*.Temperature=*";
    assert_eq!(read(tasmota, flags), [r#"shed/DS18B20-1 4.3 1930205700,"Id":"0000AB12""#]);
}

#[test]
fn senml_pack_that_must_be_understood_and_is_not_is_refused_whole() {
    let good = r#"[{"n":"other:temp","u":"Cel","v":1,"t":1930202100}]"#;
    for must in [r#""bver":11"#, r#""must_":1"#] {
        let text = format!(
            "[{{\"bn\":\"a:\",\"bt\":1930202100,\"bu\":\"Cel\",\"n\":\"temp\",\"v\":20}},\n{{\"n\":\"temp\",\"t\":1,\"v\":21,{must}}},\n\
             {{\"n\":\"temp\",\"t\":2,\"v\":22}}]\n{good}"
        );
        let mut all = read(text, "");
        all.sort();
        assert_eq!(all, ["1 not-senml", "2 not-senml", "3 not-senml", "other 1 1930202100"], "{must}");
    }
}

#[test]
fn unit_that_nobody_named_is_checked_against_the_number() {
    let line = |time: &str| format!("m,sensor_id=a temperature=1 {time}\n");
    for time in ["1700000000", "1700000000000", "1700000000000000", "99999999999999999", "4100000000000000000", "-5"] {
        assert_eq!(read(line(time), ""), ["1 time-unit"], "{time}");
        let ParsedLine::Rejected(rejected) = &items(line(time), &options(""))[0] else { panic!() };
        assert!(rejected.reason.contains("--time-unit"), "{}", rejected.reason);
    }
    assert_eq!(read(line("1700000000000000000"), "--drop~measurement"), ["a 1 1700000000"]);
    assert_eq!(read(line("1700000000"), "--drop~measurement~--time-unit~s"), ["a 1 1700000000"]);
    assert_eq!(read(line("1700000000"), "--drop~measurement~--time-unit~ns"), ["a 1 1.7"]);
    let of_layout = |name: &str, text: &str, flags: &str| {
        let typed = InputOptions { layout: Some(name.to_owned()), ..options(flags) };
        let resolved = crate::pipeline::Layouts::default().resolved(&typed).unwrap();
        items(text, &resolved).into_iter().map(|item| matches!(item, ParsedLine::Ready(_))).collect::<Vec<_>>()
    };
    let rows =
        "name,tags,time,temperature\nclimate,room=attic,1930202100,19.4\nclimate,room=attic,1930202100000000000,19.4\n";
    assert_eq!(of_layout("influxdb-v1", rows, ""), [false, true]);
    assert_eq!(of_layout("influxdb-v1", rows, "--time-unit~ns"), [true, true]);
    assert_eq!(of_layout("influxdb-v1", rows, "--time-unit~auto"), [true, true]);
}

#[test]
fn byte_at_a_place_that_an_encoding_does_not_use_is_rejected() {
    let file = [b"sensor_id,temperature,current_time\nK\x81che,21.5,1700000000\nK\xfcche,21.5,1700000000\n".as_slice()]
        .concat();
    assert_eq!(read(file, "--encoding~windows-1252"), ["2 wrong-encoding", "Küche 21.5 1700000000"]);
}
