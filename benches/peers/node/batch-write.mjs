// BatchWriteItem of 25 with eight requests in flight; the last reading of a key wins.
import { BatchWriteItemCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { items } from "./readings.mjs";
import { serve } from "./runtime.mjs";

const client = new DynamoDBClient({});
const table = process.env.SENSORCTL_TABLE ?? "SensorData";

async function write(batch) {
  let requests = batch.map((Item) => ({ PutRequest: { Item } }));
  for (let pause = 25; requests.length > 0; pause = Math.min(2 * pause, 2000)) {
    const answer = await client.send(new BatchWriteItemCommand({ RequestItems: { [table]: requests } }));
    requests = answer.UnprocessedItems?.[table] ?? [];
    if (requests.length > 0) await new Promise((resume) => setTimeout(resume, pause * Math.random()));
  }
}

serve(async (event) => {
  const byKey = new Map();
  for (const item of items(event)) byKey.set(`${item.CurrentTime.N} ${item.SensorId.S}`, item);
  const last = [...byKey.values()];
  let next = 0;
  const worker = async () => {
    while (next < last.length) {
      const from = next;
      next += 25;
      await write(last.slice(from, next));
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return { batchItemFailures: [] };
});
