//! Comment lines of CSV, and readings that look like one.

use super::*;

#[test]
fn reading_that_begins_like_a_comment_is_rejected_until_an_option_says_what_it_is() {
    let text = format!("{H}\n# made by hand\n#1,21.5,{T}\n#2,21.6,1700000060\n\"#3\",21.7,1700000120\nk,1,{T}\n");
    let rejected = ["3 commented-reading", "4 commented-reading", "#3 21.7 1700000120", "k 1 1700000000"];
    assert_eq!(read(text.clone(), ""), rejected);
    assert_eq!(counted(text.clone(), "").passed_over, 1);
    assert_eq!(read(text.clone(), "--comment~#"), rejected[2..]);
    assert_eq!(counted(text.clone(), "--comment~#").passed_over, 3);
    assert_eq!(
        read(text, "--comment=")[..3],
        ["2 column-count", "#1 21.5 1700000000", "#2 21.6 1700000060"],
        "an empty text begins no comment"
    );
}

#[test]
fn reading_that_begins_like_a_comment_is_rejected_in_every_form_of_rows() {
    let probes = "id;a;b;current_time\n#1;1,5;2,5;1700000000\n#1;;;1700000000\n";
    let flags = "--map~sensor_id=id~--map~temperature=a~--map~temperature=b";
    assert_eq!(read(probes, flags), ["2 commented-reading"]);
    let long = "sensor_id,what,value,current_time\n#1,temperature,21.5,1700000000\n#,temperature,21.5,1700000060\n";
    let found = read(long, "--quantity~what~--value~value");
    assert_eq!(found, ["2 commented-reading", "# 21.5 1700000060"], "a `#` before the delimiter is a value");
    assert_eq!(read("#1,21.5,1700000000\nk,1,1700000000\n", &format!("--columns~{H}"))[0], "1 commented-reading");
    let quoted = format!("{H},note\n#1,21.5,{T},\"a, b\"\n");
    assert_eq!(read(quoted, ""), ["2 commented-reading"]);
}

#[test]
fn header_that_stands_in_a_comment_names_the_columns_of_the_values_below_it() {
    let text = format!("# made by hand\n# {H}\na,1,{T}\nb,2,{T}\n");
    assert_eq!(read(text.clone(), ""), ["a 1 1700000000", "b 2 1700000000"]);
    assert_eq!(counted(text.clone(), "").passed_over, 1);
    let units = text.replace("\na,1", "\n#,degC,s\n# -,degC,s\na,1");
    assert_eq!(read(units, ""), ["a 1 1700000000", "b 2 1700000000"]);
    // A header of its own below is stronger.
    let both = format!("# {H}\ntemperature,current_time,sensor_id\n1,{T},a\n");
    assert_eq!(read(both, ""), ["a 1 1700000000"]);
    assert!(wrong(text, "--comment~#").contains("holds values and no names"));
}
