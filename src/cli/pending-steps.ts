import { openKatSettings, type SupervisorSettings } from "../config/supervisor-settings.ts";
import type { History } from "../db/sql/read-history.ts";
import { openHttpService } from "../http/http-service.ts";
import { openMula } from "../intake/mula.ts";
import { openBytes } from "../raw/bytes.ts";
import { deliverySteps } from "../supervisor/delivery-plan.ts";
import { readStoredRun } from "../supervisor/stored-run.ts";

/**
 * Names of the steps that a delivery under way has still to make, as a supervisor with these settings would
 * plan them; nothing is sent. Null: there is no such delivery, or no settings of OpenKAT's services.
 */
export async function pendingSteps(
  { delivery, runs }: History,
  settings: SupervisorSettings,
): Promise<readonly string[] | null> {
  const openKat = openKatSettings(settings);
  const run = runs.find(({ id }) => id === delivery?.runId);
  if (delivery?.state !== "pending" || run === undefined || openKat === null) return null;
  await using undo = new AsyncDisposableStack();
  const open = (name: string, baseUrl: string): ReturnType<typeof openHttpService> => {
    const service = openHttpService({ name, baseUrl, timeoutMs: settings.requestTimeoutMs });
    undo.defer(() => service.close());
    return service;
  };
  const stored = readStoredRun({ run: run.document, output: run.output });
  const so = { ageMs: 0, retried: false, triedBefore: true };
  const steps = deliverySteps(stored, stored.outcome, so, {
    mula: openMula(open("Mula", openKat.schedulerApi)),
    bytes: openBytes(open("Bytes", openKat.bytesApi), {
      username: openKat.bytesUsername,
      password: openKat.bytesPassword,
    }),
    octopoes: open("Octopoes", openKat.octopoesApi),
    whitelist: settings.scanProfileWhitelist,
    errorRaws: settings.errorRaws,
    quiet: () => Promise.resolve(),
    onLeft: () => {},
  });
  const done = new Set(delivery.steps.map(({ step }) => step));
  return steps.map(({ name }) => name).filter((name) => !done.has(name));
}
