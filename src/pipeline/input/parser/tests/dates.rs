//! Times in which only the values tell the day from the month.

use super::*;

const HOBO: &str = "#,\"Date Time, GMT+01:00\",\"Temp, °C\"\n";
const FLAGS: &str = "--map~current_time=Date Time*~--map~temperature=Temp*~--sensor~pond~--drop~#~--time-format~auto";

#[test]
fn values_above_twelve_decide_the_order_of_all_times() {
    let text = format!("{HOBO}1,04/03/31 08:15:00 AM,4.3\n2,04/22/31 08:15:00 AM,4.4\n");
    assert_eq!(read(text.clone(), FLAGS), ["pond 4.3 1932966900", "pond 4.4 1934608500"]);
    let day_first = text.replace("04/22", "22/04");
    assert_eq!(read(day_first, FLAGS), ["pond 4.3 1930374900", "pond 4.4 1934608500"]);
    let late = format!("{text}3,22/05/31 08:15:00 AM,4.5\n");
    assert!(
        wrong(late.replace("04/22/31", "04/12/31").replace("22/05", "22/22"), FLAGS).contains("the day from the month")
    );
    assert_eq!(read(late, FLAGS)[2], "4 ambiguous-time", "an order that rows contradict does not count");
}

#[test]
fn order_that_no_value_shows_is_refused_with_the_forms() {
    let text = format!("{HOBO}1,04/03/31 08:15:00 AM,4.3\n2,04/12/31 08:15:00 AM,4.4\n");
    let message = wrong(text.clone(), FLAGS);
    assert!(message.starts_with("dir/file-7.csv: none of its first times tells the day from the month"), "{message}");
    for form in ["%m/%d/%y %I:%M:%S %p", "%d/%m/%y %I:%M:%S %p"] {
        assert!(message.contains(&format!("`--time-format '{form}'` reads them")), "{message}");
        assert_eq!(read(text.clone(), &FLAGS.replace("auto", form)).len(), 2);
    }
    assert_eq!(read(text, &FLAGS.replace("auto", "%m/%d/%y %I:%M:%S %p"))[0], "pond 4.3 1932966900");
}

#[test]
fn times_with_a_certain_meaning_need_no_form() {
    let text = format!("{H}\na,1,2031-03-02T08:15:00Z\na,2,{T}\n");
    assert_eq!(read(text, "--time-format~auto"), ["a 1 1930205700", "a 2 1700000000"]);
    assert!(wrong(A, "--time-format~auto").contains("`--time-format auto` is for CSV"));
    assert!(read(format!("{H}\n"), "--time-format~auto").is_empty());
}

#[test]
fn month_above_twelve_shows_the_day_before_it_for_all_rows() {
    let rows = |month: std::ops::Range<u32>| {
        month.map(|at| format!("k,21,2023-{at:02}-02 00:00:00\n")).collect::<Vec<_>>().concat()
    };
    let csv = format!("{H}\n{}k,22,2023-11-14T22:13:20Z\nk,23,1700000000\n", rows(1..16));
    let mut expected: Vec<_> = (2..18).map(|line| format!("{line} ambiguous-time")).collect();
    expected.push("k 23 1700000000".to_owned());
    assert_eq!(read(csv.clone(), ""), expected);
    let rejected = items(csv, &options(""));
    assert!(matches!(&rejected[0], ParsedLine::Rejected(line) if line.reason.contains("--time-format '%Y-%d-%m")));
    let named = read(format!("{H}\n{}", rows(1..16)), "--time-format~%Y-%d-%m %H:%M:%S");
    assert_eq!((named.len(), named[14].as_str()), (15, "k 21 1676419200"));
    assert_eq!(read(format!("{H}\n{}", rows(1..16)), "--time-format~auto"), named);
    let json = |day: u32| format!("{{\"sensor_id\":\"k\",\"temperature\":1,\"t\":\"2023/{day}/02 00:00\"}}\n");
    let lines = [json(11), json(13), json(12)].concat();
    let expected = ["1 ambiguous-time", "2 ambiguous-time", "3 ambiguous-time"];
    assert_eq!(read(lines, "--map~current_time=t"), expected);
    // Behind the first rows, those from there on.
    let late = format!("{H}\n{}{}{}", rows(1..2).repeat(4000), rows(13..14), rows(1..2));
    assert_eq!(counted(late.clone(), "").times.swapped, 4000);
    let found = read(late, "");
    assert_eq!(
        (found[0].as_str(), &found[4000..]),
        ("k 21 1672617600", &["4002 ambiguous-time".to_owned(), "4003 ambiguous-time".to_owned()][..])
    );
}

#[test]
fn numbers_that_count_from_another_year_are_counted() {
    for (time, early, future) in [
        ("638355680000000000", 1, 0),
        ("133444736000000000", 1, 0),
        ("3908988800", 0, 1),
        ("3782844800", 0, 1),
        ("1700000000", 0, 0),
        ("1700000000000000000", 0, 0),
        ("946684799999", 1, 0),
        ("2095-01-01T00:00:00Z", 0, 1),
        ("1999-12-31T00:00:00Z", 0, 0),
        ("1900-01-01 00:00:00", 1, 0),
        ("2000-01-01 00:04:10", 1, 0),
        ("2000-01-02 00:00:00", 0, 0),
        ("1969-12-31T00:00:00Z", 0, 0),
    ] {
        let json = format!("{{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":\"{time}\"}}\n");
        for times in [counted(format!("{H}\na,1,{time}\n"), "").times, counted(json, "--coerce").times] {
            assert_eq!((times.early, times.future), (early, future), "{time}");
        }
    }
    // Within the range that is certain at first sight.
    let soon = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 2 * 86_400;
    let line = format!("{{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":{soon}}}\n");
    assert_eq!(counted(line, "").times.future, 1);
}
