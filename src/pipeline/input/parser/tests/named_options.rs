//! Files that are not read as they are: the messages name an option or a command that reads them.

use super::*;

#[test]
fn index_columns_are_read_by_the_options_that_their_rows_name() {
    let short_header = format!("{H}\n1,k,21.5,{T}\n2,k,21.6,1700000060\n");
    let first = |text: &str, flags: &str| match &items(text, &options(flags))[0] {
        ParsedLine::Rejected(line) => line.reason.clone(),
        ParsedLine::Ready(record) => record.data.clone(),
    };
    let ignored = format!("`--skip-lines 1 --columns ,{H}`");
    assert!(first(&short_header, "").contains(&ignored), "{}", first(&short_header, ""));
    let flags = format!("--skip-lines~1~--columns~,{H}");
    assert_eq!(read(short_header, &flags)[0], "k 21.5 1700000000");
    let apart = format!(",{H}\n5,k,21.5,{T}\n9,k,21.6,1700000060\n");
    assert!(first(&apart, "").contains(&ignored), "{}", first(&apart, ""));
    assert_eq!(read(apart, &flags)[0], "k 21.5 1700000000");
    let sums = format!(",{H}\n1,k,21.5,{T}\n2,k,21.6,1700000060\nMin,k,21.5,1700000120\nMax,k,21.6,1700000120\n");
    let expected = ["k 21.5 1700000000", "k 21.6 1700000060", "4 unnamed-column", "5 unnamed-column"];
    assert_eq!(read(sums, ""), expected, "rows that sum up others are no readings");
    let index = "Unnamed,sensor_id,temperature\n2023-11-14 22:13:20,k,21.5\n".replace("Unnamed", "");
    assert!(wrong(index.clone(), "").contains("--map current_time=@column.1"), "{}", wrong(index.clone(), ""));
    assert_eq!(read(index, "--map~current_time=@column.1"), ["k 21.5 1700000000"]);
}

#[test]
fn header_is_named_where_a_row_has_the_name_of_a_key_as_its_value() {
    let error = wrong("device,quantity,value,time\na,temperature,21.5,1700000000\n", "");
    assert!(error.contains("there are: device, quantity, value, time") && !error.contains("holds values"), "{error}");
}

#[test]
fn archive_and_formats_that_are_not_read_are_named() {
    let mut archive = b"a.csv".to_vec();
    archive.resize(257, 0);
    archive.extend_from_slice(b"ustar\x0000");
    archive.resize(512, 0);
    archive.extend_from_slice(format!("{H}\nk,21.5,{T}\n").as_bytes());
    let error = wrong(archive, "");
    assert!(error.contains("it is a tar archive") && error.contains("tar -xOf dir/file-7.csv"), "{error}");
    let error = wrong("time=2023-11-14T22:13:20Z sensor=attic temp=21.5\n", "");
    assert!(error.contains("logfmt") && !error.contains("--delimiter"), "{error}");
    let error = wrong("# HELP room_celsius x\n# TYPE room_celsius gauge\nroom_celsius{sensor=\"attic\"} 21.5\n", "");
    assert!(error.contains("text exposition") && error.contains("--layout prometheus"), "{error}");
    let error = wrong("attic\t{\"temperature\":21.5,\"current_time\":1700000000}\n", "");
    assert!(error.contains("awk -F'\\t'") && error.contains("--format mqtt"), "{error}");
    assert_eq!(
        read("attic {\"temperature\":21.5,\"current_time\":1700000000}\n", "--format~mqtt"),
        ["attic 21.5 1700000000"]
    );
}
