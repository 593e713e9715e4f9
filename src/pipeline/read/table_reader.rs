//! Reads stored readings page by page: a parallel Scan of the whole table, or a Query for one sensor.

use std::cmp::Ordering;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, BoxStream, StreamExt};
use sensor_model::Reading;
use tokio::time::Instant;

use super::item_decode::{Item, SENSOR, SEQUENCE, TIME, decode_item};
use super::query::Expressions;
use crate::aws::wait::{self, Poll, WaitError};
use crate::aws::{self, AwsFailure, Clients, FailureCause};
use crate::error::Error;
use crate::pipeline::{ReadQuery, StoredReading};

/// Segments of a parallel Scan. Each has at most one page of 1 MB in flight, and four are already faster than a
/// terminal.
const SEGMENTS: i32 = 4;
/// Up to this many rows, a single segment reads less of the table than four would.
const FEW: u64 = 1000;

/// A page of rows.
#[derive(Debug, Default)]
pub(crate) struct RowPage {
    /// The readings.
    pub rows: Vec<StoredReading>,
    /// Items that are not readings.
    pub foreign: u64,
}

/// The retry policy for pages while the table is throttled.
#[derive(Clone, Copy)]
pub(crate) struct PageRetry<'a> {
    /// Maximum time for one page. Used-up read capacity returns by the second: a page of 1 MB takes 128 units, which a
    /// table of 5 units has after 26 s.
    pub limit: Duration,
    /// Called before every pause.
    pub waiting: &'a (dyn Fn(Duration, &AwsFailure) + Sync),
}

/// The start of the next page of a segment.
enum PageStart {
    Beginning,
    After(Item),
    End,
}

/// Reads the results of a query and passes them to `each` page by page, until the limit is reached or `each` returns
/// `false`.
///
/// # Errors
/// If a page cannot be read, or the errors of `each`.
pub(crate) async fn read_pages(
    clients: &Clients,
    table: &str,
    question: &ReadQuery,
    retry: PageRetry<'_>,
    mut each: impl FnMut(RowPage) -> Result<bool, Error>,
) -> Result<(), Error> {
    let segments = match question.limit {
        _ if question.sensor.is_some() => 1,
        Some(limit) if limit <= FEW => 1,
        _ => SEGMENTS,
    };
    let pages = (0..segments).map(|segment| segment_pages(clients, table, question, retry, segment, segments));
    let mut pages = stream::select_all(pages);
    let mut left = question.limit.unwrap_or(u64::MAX);
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            Err(failure) => return Err(clients.with_account_context(failure).await.into()),
        };
        left = left.saturating_sub(page.rows.len() as u64);
        if !each(page)? || left == 0 {
            break;
        }
    }
    Ok(())
}

fn segment_pages<'a>(
    clients: &'a Clients,
    table: &'a str,
    question: &'a ReadQuery,
    retry: PageRetry<'a>,
    segment: i32,
    segments: i32,
) -> BoxStream<'a, Result<RowPage, AwsFailure>> {
    stream::unfold(PageStart::Beginning, move |from| async move {
        let start = match from {
            PageStart::Beginning => None,
            PageStart::After(key) => Some(key),
            PageStart::End => return None,
        };
        let page = || async {
            let start = start.clone();
            if question.sensor.is_some() {
                query_page(clients, table, question, start).await
            } else {
                scan_page(clients, table, question, start, (segment, segments)).await
            }
        };
        let answer = retry_page(clients, retry, page).await;
        Some(match answer {
            Ok((items, next)) => {
                let mut page = RowPage::default();
                for item in items {
                    match decode_item(item) {
                        Some(row) => page.rows.push(row),
                        None => page.foreign += 1,
                    }
                }
                (Ok(page), next.filter(|key| !key.is_empty()).map_or(PageStart::End, PageStart::After))
            }
            Err(failure) => (Err(failure), PageStart::End),
        })
    })
    .boxed()
}

type Answer = Result<(Vec<Item>, Option<Item>), AwsFailure>;

/// Time limit of retries after failures other than used-up capacity, in longest pauses: 16 s on AWS.
const MAX_POLLS_WHILE_BROKEN: u32 = 8;

/// Returns whether the table's capacity or the account's rate is used up. Both return by themselves.
fn is_used_up(failure: &AwsFailure) -> bool {
    let code = failure.code.as_deref().unwrap_or_default();
    failure.cause == FailureCause::Throttled
        && ["Throughput", "Throttl", "Limit"].iter().any(|part| code.contains(part))
}

/// Retries a page after transient failures. The SDK alone gives up after three attempts within some seconds.
async fn retry_page<Fut>(clients: &Clients, retry: PageRetry<'_>, page: impl Fn() -> Fut) -> Answer
where
    Fut: Future<Output = Answer>,
{
    let PageRetry { limit, waiting } = retry;
    let schedule = clients.schedule(limit);
    let began = Instant::now();
    let is_broken =
        |failure: &AwsFailure| !is_used_up(failure) && began.elapsed() >= schedule.longest * MAX_POLLS_WHILE_BROKEN;
    aws::retry_while(schedule, page, |failure| failure.is_transient() && !is_broken(failure), waiting).await
}

async fn query_page(clients: &Clients, table: &str, question: &ReadQuery, start: Option<Item>) -> Answer {
    let expressions = question.expressions();
    let answer = clients
        .dynamodb
        .query()
        .table_name(table)
        .set_key_condition_expression(expressions.key)
        .set_filter_expression(expressions.filter)
        .set_expression_attribute_names(Some(expressions.placeholders.names))
        .set_expression_attribute_values(Some(expressions.placeholders.values))
        .scan_index_forward(!question.newest_first)
        .consistent_read(question.consistent)
        .set_limit(question.page_limit())
        .set_exclusive_start_key(start)
        .send()
        .await
        .map_err(|error| clients.failure("DynamoDB", "Query", &format!("table {table}"), &error))?;
    Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
}

async fn scan_page(
    clients: &Clients,
    table: &str,
    question: &ReadQuery,
    start: Option<Item>,
    (segment, segments): (i32, i32),
) -> Answer {
    let Expressions { filter, placeholders, .. } = question.expressions();
    let answer = clients
        .dynamodb
        .scan()
        .table_name(table)
        .set_filter_expression(filter)
        .set_expression_attribute_names((!placeholders.names.is_empty()).then_some(placeholders.names))
        .set_expression_attribute_values((!placeholders.values.is_empty()).then_some(placeholders.values))
        .consistent_read(question.consistent)
        .set_limit(question.page_limit())
        .segment(segment)
        .total_segments(segments)
        .set_exclusive_start_key(start)
        .send()
        .await
        .map_err(|error| clients.failure("DynamoDB", "Scan", &format!("table {table}"), &error))?;
    Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
}

/// Waits until the row of this reading has this sequence number, or a later one.
///
/// # Errors
/// If the row does not arrive within the limit, or if the table cannot be read.
pub(crate) async fn wait_until_stored(
    clients: &Clients,
    table: &str,
    reading: &Reading,
    sequence_number: &str,
    limit: Duration,
) -> Result<(), WaitError<AwsFailure, String>> {
    let schedule = clients.schedule(limit);
    let look = || async {
        let answer = clients
            .dynamodb
            .get_item()
            .table_name(table)
            .key(SENSOR, AttributeValue::S(reading.sensor_id.clone()))
            .key(TIME, AttributeValue::N(reading.current_time.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| clients.failure("DynamoDB", "GetItem", &format!("table {table}"), &error));
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) if failure.is_transient() => return Ok(Poll::Pending(failure.to_string())),
            Err(failure) => return Err(failure),
        };
        let found = answer.item.map(|mut item| item.remove(SEQUENCE));
        Ok(match found {
            Some(Some(AttributeValue::S(found)))
                if compare_sequence_numbers(&found, sequence_number) != Ordering::Less =>
            {
                Poll::Ready(())
            }
            Some(_) => Poll::Pending("the row is there, but an older one".to_owned()),
            None => Poll::Pending("no such row".to_owned()),
        })
    };
    match wait::poll_until(schedule, look, |_, _| {}).await {
        Err(WaitError::Failed(failure)) => Err(WaitError::Failed(clients.with_account_context(failure).await)),
        result => result,
    }
}

/// Compares sequence numbers, which are integers of up to 129 digits (docs/facts/kinesis.md, Sequence numbers).
pub(crate) fn compare_sequence_numbers(left: &str, right: &str) -> Ordering {
    let digits = |text: &str| text.trim_start_matches('0').to_owned();
    let (left, right) = (digits(left), digits(right));
    left.len().cmp(&right.len()).then_with(|| left.cmp(&right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compare_sequence_numbers_by_value() {
        assert_eq!(compare_sequence_numbers("9", "10"), Ordering::Less);
        assert_eq!(compare_sequence_numbers("0010", "10"), Ordering::Equal);
        assert_eq!(
            compare_sequence_numbers("49590338271490256608559692538361571095921575989136588898", "4"),
            Ordering::Greater
        );
    }
}
