#!/usr/bin/env python3
"""Measures reading and checking files, without a network: `put --dry-run --file`, `inspect`, and memory on large files.

    benches/parse.py target/release/sensorctl [formats] [peers] [inspect] [memory] [--readings N] [--rows N]

Whole processes on one core (`taskset`), with files of generated readings that are the same in each run. `peers` reads the
same files with Python's json and csv modules, pandas and jq, as far as they are installed; they only parse. `memory` reads
ROWS rows in each form that could collect them. Linux only. Prints Markdown tables.
"""
import argparse, gzip, importlib.util, json, os, random, shutil, statistics, subprocess, sys, tempfile, time

RUNS = 3
CORE = 0
SENSORS = 1000
BEGIN = 1_700_000_000
PARTS = ["formats", "peers", "inspect", "memory"]


def values(count):
    """Yields a number, a sensor, a temperature, a time and a humidity for each reading. Each key occurs once."""
    luck = random.Random(7)
    tenths = [f"{luck.randrange(-200, 400) / 10:.1f}" for _ in range(1024)]
    mixed = 1
    for number in range(count):
        mixed = (mixed * 1664525 + 1013904223) % 2**32
        yield number, f"sensor-{number % SENSORS}", tenths[mixed >> 22], BEGIN + number // SENSORS, (mixed >> 9) % 100


def iso(seconds, digits="000Z"):
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(seconds)) + digits


def ndjson(count):
    for _, sensor, temperature, moment, _ in values(count):
        yield f'{{"sensor_id":"{sensor}","temperature":{temperature},"current_time":{moment}}}\n'


def ndjson_field(count):
    for _, sensor, temperature, moment, humidity in values(count):
        yield f'{{"sensor_id":"{sensor}","temperature":{temperature},"current_time":{moment},"humidity":{humidity}}}\n'


def csv_times(count):
    yield "sensor_id,temperature,current_time\n"
    for _, sensor, temperature, moment, _ in values(count):
        yield f"{sensor},{temperature},{moment}\n"


def csv_iso(count):
    yield "sensor_id,temperature,current_time,humidity\n"
    text, last = "", None
    for _, sensor, temperature, moment, humidity in values(count):
        if moment != last:
            text, last = iso(moment), moment
        yield f"{sensor},{temperature},{text},{humidity}\n"


def nested(count):
    for _, sensor, temperature, moment, humidity in values(count):
        yield (f'{{"device":{{"id":"{sensor}","site":"attic"}},"data":{{"temperature":{temperature},'
               f'"humidity":{humidity}}},"time":{moment}}}\n')


def things_stack(count):
    text, last = "", None
    for number, sensor, temperature, moment, humidity in values(count):
        if moment != last:
            text, last = iso(moment, "123456789Z"), moment
        yield (f'{{"end_device_ids":{{"device_id":"{sensor}","application_ids":{{"application_id":"attic"}}}},'
               f'"received_at":"{text}","uplink_message":{{"f_port":1,"f_cnt":{number},"frm_payload":"AWcA3AJoUA==",'
               f'"decoded_payload":{{"temperature":{temperature},"humidity":{humidity}}},"rx_metadata":[{{"gateway_ids":'
               f'{{"gateway_id":"roof"}},"rssi":-35,"snr":9.2}}]}}}}\n')


def array(count):
    separator = "[\n"
    for line in ndjson(count):
        yield separator + line[:-1]
        separator = ",\n"
    yield "\n]\n"


def one_line_array(count):
    return (part.replace("\n", "") for part in array(count))


def home_assistant(rows):
    yield "entity_id,state,last_changed\n"
    text, last = "", None
    for number, sensor, temperature, moment, humidity in values(rows // 2):
        if moment != last:
            text, last = iso(moment), moment
        yield f"sensor.{sensor}_temperature,{temperature},{text}\nsensor.{sensor}_humidity,{humidity},{text}\n"


def influxdb(rows):
    yield ",result,table,_start,_stop,_time,_value,_field,_measurement,sensor\n"
    text, last = "", None
    for number, sensor, temperature, moment, humidity in values(rows // 2):
        if moment != last:
            text, last = iso(moment), moment
        span = "2023-11-14T22:13:20Z,2024-11-14T22:13:20Z"
        yield (f",_result,0,{span},{text},{temperature},temperature,room,{sensor}\n"
               f",_result,1,{span},{text},{humidity},humidity,room,{sensor}\n")


def prometheus(rows):
    """Yields the answer to one range query: for each sensor, all temperatures and then all humidities."""
    each = rows // 2 // SENSORS
    separator = '{"status":"success","data":{"resultType":"matrix","result":['
    for sensor in range(SENSORS):
        for name in ("room_celsius", "room_humidity"):
            points = ",".join(f'[{BEGIN + at},"{(at + sensor) % 400 / 10}"]' for at in range(each))
            yield f'{separator}{{"metric":{{"__name__":"{name}","sensor":"s{sensor}"}},"values":[{points}]}}'
            separator = ","
    yield "]}}\n"


def thousands_of_keys(count):
    """Yields readings of which each is of another sensor."""
    for number, _, temperature, moment, _ in values(count):
        yield f'{{"sensor_id":"sensor-{number}","temperature":{temperature},"current_time":{moment}}}\n'


def home_assistant_sensors(rows):
    """Yields the long form with another sensor for each two rows."""
    yield "entity_id,state,last_changed\n"
    for number, _, temperature, moment, humidity in values(rows // 2):
        text = "2023-11-14T22:13:20.000Z"
        yield f"sensor.s{number}_temperature,{temperature},{text}\nsensor.s{number}_humidity,{humidity},{text}\n"


# Name, file, its content, the flags of put and inspect, and the aim in readings/s.
NESTED = ["--map", "sensor_id=device.id", "--map", "temperature=data.temperature", "--map", "current_time=time"]
FORMATS = [
    ("NDJSON, three keys", "plain.ndjson", ndjson, [], 2_500_000),
    ("NDJSON, a further field", "field.ndjson", ndjson_field, [], 2_500_000),
    ("CSV, times in seconds", "plain.csv", csv_times, [], 2_000_000),
    ("CSV, ISO 8601 and a further field", "iso.csv", csv_iso, [], None),
    ("gzip, NDJSON of three keys", "plain.ndjson.gz", ndjson, [], 1_500_000),
    ("NDJSON, `--map` of nested paths", "nested.ndjson", nested, NESTED, 800_000),
    ("NDJSON, layout `the-things-stack`", "things.ndjson", things_stack, ["--layout", "the-things-stack"], None),
    ("JSON array", "array.json", array, [], None),
]
# Name, file, content, flags, and how many rows one reading is of.
MEMORY = [
    ("NDJSON", "large.ndjson", ndjson, [], 1),
    ("NDJSON, each of another sensor", "sensors.ndjson", thousands_of_keys, [], 1),
    ("CSV", "large.csv", csv_times, [], 1),
    ("gzip", "large.ndjson.gz", ndjson, [], 1),
    ("JSON array, a line each", "large.json", array, [], 1),
    ("JSON array on one line", "line.json", one_line_array, [], 1),
    ("Home Assistant", "assistant.csv", home_assistant, ["--layout", "home-assistant"], 2),
    ("Home Assistant, `--join-within 10m`", "assistant.csv", home_assistant,
     ["--layout", "home-assistant", "--join-within", "10m"], 2),
    ("Home Assistant, two rows a sensor", "assistant-sensors.csv", home_assistant_sensors,
     ["--layout", "home-assistant"], 2),
    ("InfluxDB", "influxdb.csv", influxdb, ["--layout", "influxdb"], 2),
    ("Prometheus, one answer", "prometheus.json", prometheus, ["--layout", "prometheus"], 2),
]

# Parsing alone, in the words of each peer: the Python that runs this, or a command.
PYTHON_JSON = """
import json, sys
for line in open(sys.argv[1], "rb"):
    json.loads(line)
"""
PYTHON_GZIP = """
import gzip, json, sys
for line in gzip.open(sys.argv[1]):
    json.loads(line)
"""
PYTHON_CSV = """
import csv, sys
for row in csv.reader(open(sys.argv[1], newline="")):
    pass
"""
PYTHON_ARRAY = "import json, sys; json.load(open(sys.argv[1], 'rb'))"
PANDAS_CSV = "import pandas, sys; pandas.read_csv(sys.argv[1])"
PANDAS_JSON = "import pandas, sys; pandas.read_json(sys.argv[1], lines=True)"
PEERS = {
    "plain.ndjson": ["json", "pandas.read_json", "jq"],
    "field.ndjson": ["json", "pandas.read_json", "jq"],
    "plain.csv": ["csv", "pandas.read_csv"],
    "iso.csv": ["csv", "pandas.read_csv"],
    "plain.ndjson.gz": ["gzip, json", "zcat and jq"],
    "nested.ndjson": ["json", "jq"],
    "things.ndjson": ["json", "jq"],
    "array.json": ["json.load", "jq"],
}


def peer(name, path):
    """Returns the command of a peer; None where it is not installed."""
    scripts = {
        "json": PYTHON_JSON, "gzip, json": PYTHON_GZIP, "csv": PYTHON_CSV, "json.load": PYTHON_ARRAY,
        "pandas.read_csv": PANDAS_CSV, "pandas.read_json": PANDAS_JSON,
    }
    if name in scripts:
        is_there = "pandas" not in name or importlib.util.find_spec("pandas")
        return [sys.executable, "-c", scripts[name], path] if is_there else None
    if not shutil.which("jq"):
        return None
    return ["sh", "-c", f"zcat '{path}' | jq empty"] if name == "zcat and jq" else ["jq", "empty", path]


def write(path, lines):
    """Writes a file once; an earlier run with the same folder has left it."""
    if os.path.exists(path):
        return
    part = path + ".part"
    opened = gzip.open(part, "wt", compresslevel=6) if path.endswith(".gz") else open(part, "w", buffering=1 << 20)
    with opened as file:
        file.writelines(lines)
    os.rename(part, path)


def run(command, environment, check=None):
    """Returns seconds, CPU seconds and peak memory in MiB of a command on one core."""
    began = time.perf_counter()
    process = subprocess.Popen(["taskset", "-c", str(CORE), *command], env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, error = process.stdout.read(), process.stderr.read()
    # Peak memory is that of this process at least: of a child that this one has become, the kernel counts both.
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - began
    if status != 0 or check and not check(out):
        sys.exit(f"{' '.join(command)}: {status}\n{out[:2000]}\n{error[:2000]}")
    return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def best(command, environment, runs, check=None):
    """Returns the medians of some runs."""
    return [statistics.median(figures) for figures in zip(*(run(command, environment, check) for _ in range(runs)))]


def accepted(count):
    def is_right(out):
        report = json.loads(out)
        return (report["read"], report["accepted"], report["rejected"]) == (count, count, 0)
    return is_right


def megabytes(path):
    return f"{os.path.getsize(path) / 1e6:,.0f} MB"


def formats(sensorctl, folder, environment, count, with_peers):
    print(f"\n| {count:,} readings | program | readings/s | aim | CPU | peak memory |\n|---|---|---|---|---|---|")
    for name, file, content, flags, aim in FORMATS:
        path = f"{folder}/{file}"
        write(path, content(count))
        command = [sensorctl, "-q", "-o", "json", "put", "--dry-run", "--file", path, *flags]
        took, cpu, peak = best(command, environment, RUNS, accepted(count))
        aim = f"{aim:,}" if aim else ""
        about = f"{name}, {megabytes(path)}"
        print(f"| {about} | sensorctl | {count / took:,.0f} | {aim} | {cpu:.2f} s | {peak:.0f} MiB |", flush=True)
        for other in PEERS[file] if with_peers else []:
            command = peer(other, path)
            if command is None:
                print(f"| | {other} | not installed | | | |", flush=True)
                continue
            took, cpu, peak = run(command, os.environ)
            print(f"| | {other} | {count / took:,.0f} | | {cpu:.2f} s | {peak:,.0f} MiB |", flush=True)


def inspect(sensorctl, folder, environment, count):
    print("\n| `inspect` | wall | CPU | peak memory |\n|---|---|---|---|")
    for name, file, content, flags, _ in FORMATS:
        path = f"{folder}/{file}"
        write(path, content(count))
        took, cpu, peak = best([sensorctl, "inspect", path, *flags, "-o", "json"], environment, 10)
        print(f"| {name} | {took * 1000:.0f} ms | {cpu * 1000:.0f} ms | {peak:.0f} MiB |", flush=True)


def memory(sensorctl, folder, environment, rows):
    print(f"\n| {rows:,} rows | file | peak memory | rows/s | CPU |\n|---|---|---|---|---|")
    for index, (name, file, content, flags, rows_of_one) in enumerate(MEMORY):
        path = f"{folder}/{file}"
        write(path, content(rows))
        command = [sensorctl, "-q", "-o", "json", "put", "--dry-run", "--file", path, *flags]
        took, cpu, peak = run(command, environment, accepted(rows // rows_of_one))
        print(f"| {name} | {megabytes(path)} | {peak:.0f} MiB | {rows / took:,.0f} | {cpu:.1f} s |", flush=True)
        if all(other[1] != file for other in MEMORY[index + 1 :]):
            os.remove(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sensorctl")
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS), help="all of them without any")
    parser.add_argument("--readings", type=int, default=2_000_000, help="of `formats`, `peers` and `inspect`")
    parser.add_argument("--rows", type=int, default=10_000_000, help="of `memory`")
    parser.add_argument("--folder", help="where the files are kept for the next run; a temporary one without it")
    # Flags may stand between the parts.
    arguments = parser.parse_intermixed_args()
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        parser.error(f"unknown: {' '.join(unknown)}; known are {' '.join(PARTS)}")
    parts = arguments.parts or PARTS
    sensorctl = os.path.realpath(arguments.sensorctl)
    with tempfile.TemporaryDirectory() as home:
        folder = arguments.folder or f"{home}/files"
        os.makedirs(folder, exist_ok=True)
        environment = {"PATH": os.environ["PATH"], "HOME": home, "SENSORCTL_DATA_DIR": f"{home}/data", "TMPDIR": folder}
        print(f"One core of {os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
        if {"formats", "peers"} & set(parts):
            formats(sensorctl, folder, environment, arguments.readings, "peers" in parts)
        if "inspect" in parts:
            inspect(sensorctl, folder, environment, arguments.readings)
        if "memory" in parts:
            memory(sensorctl, folder, environment, arguments.rows)


if __name__ == "__main__":
    main()
