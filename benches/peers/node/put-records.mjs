// Puts the lines of a file into a stream: the AWS SDK for JavaScript, PutRecords of 500, eight requests in flight.
//
//     node put-records.mjs FILE STREAM
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { KinesisClient, PutRecordsCommand } from "@aws-sdk/client-kinesis";

const [file, StreamName] = process.argv.slice(2);
const client = new KinesisClient({});

async function put(lines) {
  let records = lines.map((line) => ({ Data: Buffer.from(line), PartitionKey: JSON.parse(line).sensor_id }));
  for (let pause = 100; ; pause = Math.min(2 * pause, 5000)) {
    const answer = await client.send(new PutRecordsCommand({ StreamName, Records: records }));
    if (!answer.FailedRecordCount) return;
    records = records.filter((_, at) => answer.Records[at].ErrorCode);
    await new Promise((resume) => setTimeout(resume, pause * Math.random()));
  }
}

const inFlight = [];
let batch = [];
for await (const line of createInterface({ input: createReadStream(file) })) {
  batch.push(line);
  if (batch.length < 500) continue;
  inFlight.push(put(batch));
  batch = [];
  if (inFlight.length === 8) await inFlight.shift();
}
if (batch.length > 0) inFlight.push(put(batch));
await Promise.all(inFlight);
client.destroy();
