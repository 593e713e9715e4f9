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
