/** Every line of the raw file that is a hostname. */
import { Hostname, log, type Meta, Network } from "whiskers";

const HOSTNAME = /^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$/u;

export async function* run(_meta: Meta, raw: Buffer): AsyncGenerator<object> {
  const internet = new Network({ name: "internet" });
  yield internet;
  const lines = raw.toString("utf8").toLowerCase().split("\n");
  const names = new Set(lines.map((line) => line.trim()).filter((line) => line !== ""));
  for (const name of names) {
    if (name.length <= 253 && HOSTNAME.test(name)) yield new Hostname({ network: internet, name });
  }
  log.info(`${names.size} different lines`);
}
