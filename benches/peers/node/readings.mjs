// From an event of Kinesis to the items of the table, as both functions of Node need them.
import deaggregation from "aws-kinesis-agg";

/// What was put, with the parts of its origin that the table keeps.
function readings(record) {
  const origin = {
    ShardID: { S: record.eventID.split(":")[0] },
    SequenceNumber: { S: record.kinesis.sequenceNumber },
  };
  const data = [];
  // Takes a plain record as one that holds itself.
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
