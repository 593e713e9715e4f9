// Converts a Kinesis event to items of the table, for both Node functions.
import deaggregation from "aws-kinesis-agg";

/// The user records, with the parts of their origin that the table keeps.
function readings(record) {
  const origin = {
    ShardID: { S: record.eventID.split(":")[0] },
    SequenceNumber: { S: record.kinesis.sequenceNumber },
  };
  const data = [];
  // A plain record counts as one that contains itself.
  deaggregation.deaggregateSync(record.kinesis, false, (error, subRecords) => {
    if (error) throw error;
    for (const subRecord of subRecords) data.push(Buffer.from(subRecord.data, "base64").toString());
  });
  return data.map((json) => {
    const { sensor_id, temperature, current_time, ...further } = JSON.parse(json);
    const item = {
      SensorId: { S: sensor_id },
      CurrentTime: { N: String(current_time) },
      Temperature: { N: String(temperature) },
      ...origin,
    };
    for (const [name, value] of Object.entries(further)) item[name] = { N: String(value) };
    return item;
  });
}

export const items = (event) => event.Records.flatMap(readings);
