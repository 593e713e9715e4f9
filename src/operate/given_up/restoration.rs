//! Looks for given-up readings in the tables. Those that were put again are stored.

use sensor_model::Reading;
use tokio::time::timeout;

use super::GivenUpBatch;
use crate::aws::Clients;
use crate::error::Error;
use crate::operate::answer_limit::{ANSWER_LIMIT, no_answer};
use crate::operate::dead_letters::{DeadLetterTable, DestinationReader};
use crate::operate::pipeline_metrics::PipelineNames;
use crate::pipeline::{RowState, compare_sequence_numbers, rows_at};

/// Batches that are read again at most, with two calls each.
const MOST_BATCHES: usize = 20;
/// Readings that are looked up at most.
const MOST_READINGS: usize = 1000;

/// Batches that were given up, and whether their readings are stored by now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GivenUpLog {
    /// The batches, the oldest first.
    pub batches: Vec<GivenUpBatch>,
    /// The number of their readings that neither table has, or the reason why it is not known.
    pub missing: Result<u64, String>,
}

impl GivenUpLog {
    /// Looks for the readings of batches in the tables. Makes no call without batches.
    pub(crate) async fn look_up(clients: &Clients, names: &PipelineNames, batches: Vec<GivenUpBatch>) -> Self {
        let missing = match timeout(ANSWER_LIMIT, missing(clients, names, &batches)).await {
            Ok(missing) => missing,
            Err(_) => Err(no_answer()),
        };
        GivenUpLog { batches, missing }
    }

    /// Returns whether the tables have all readings of the batches.
    pub(crate) fn is_restored(&self) -> bool {
        self.missing == Ok(0)
    }
}

/// Counts the readings that neither table has. A record that the stream does not have any more counts as one.
async fn missing(clients: &Clients, names: &PipelineNames, batches: &[GivenUpBatch]) -> Result<u64, String> {
    if batches.is_empty() {
        return Ok(0);
    }
    let records: u64 = batches.iter().map(|batch| batch.document.records).sum();
    if batches.len() > MOST_BATCHES || records > MOST_READINGS as u64 {
        return Err(format!("{} batches with {records} records are too many to look for", batches.len()));
    }
    let said = |error: Error| error.to_string();
    let documents = batches.iter().map(|batch| batch.document.clone()).collect();
    let letters = DeadLetterTable { clients, name: &names.rejects_table };
    let mut reader = DestinationReader::new(clients, &names.stream, documents).with_dead_letters(letters);
    let mut readings: Vec<(Reading, String)> = Vec::new();
    let mut missing = 0;
    while let Some(letter) = reader.next().await.map_err(said)? {
        if reader.is_held(&letter.id) {
            continue;
        }
        match Reading::from_json(&letter.data) {
            Ok(reading) => readings.push((reading, letter.id.sequence_number)),
            Err(_) => missing += 1,
        }
        if readings.len() > MOST_READINGS {
            return Err(format!("more than {MOST_READINGS} readings are too many to look for"));
        }
    }
    // Of one key, the newest reading is the row.
    let mut newest: Vec<&(Reading, String)> = Vec::new();
    for reading in &readings {
        match newest.iter_mut().find(|known| is_same_key(&known.0, &reading.0)) {
            Some(known) => *known = reading,
            None => newest.push(reading),
        }
    }
    let rows = rows_at(clients, &names.table, &newest.iter().map(|(reading, _)| reading).collect::<Vec<_>>()).await;
    let rows = rows.map_err(|failure| failure.to_string())?;
    let absent = newest.iter().zip(&rows).filter(|((reading, number), row)| !is_stored(reading, number, row));
    Ok(missing + reader.gone + absent.count() as u64)
}

fn is_same_key(one: &Reading, other: &Reading) -> bool {
    one.sensor_id == other.sensor_id && one.current_time == other.current_time
}

/// Returns whether the row is the reading, or a newer one that replaced it.
fn is_stored(reading: &Reading, sequence_number: &str, row: &RowState) -> bool {
    let RowState::Stored(row) = row else { return false };
    let is_newer = |number: &String| compare_sequence_numbers(number, sequence_number).is_ge();
    row.reading == *reading || row.sequence_number.as_ref().is_some_and(is_newer)
}
