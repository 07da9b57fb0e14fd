import { openKatSettings, type SupervisorSettings } from "../config/supervisor-settings.ts";
import type { Database } from "../db/database.ts";
import type { History } from "../db/sql/read-history.ts";
import { openHttpService } from "../http/http-service.ts";
import { openMula } from "../intake/mula.ts";
import { openBytes } from "../raw/bytes.ts";
import { deliverySteps, type OpenKatDestinations } from "../supervisor/delivery-plan.ts";
import { openSinks } from "../supervisor/open-sinks.ts";
import { readStoredRun } from "../supervisor/stored-run.ts";

/**
 * Names of the steps that a delivery under way has still to make, as a supervisor with these settings would
 * plan them; nothing is sent. Null: there is no such delivery, or it is one to an OpenKAT that the settings do not name.
 */
export async function pendingSteps(
  { delivery, runs, task }: History,
  settings: SupervisorSettings,
  database: Database,
  home: string,
): Promise<readonly string[] | null> {
  const run = runs.find(({ id }) => id === delivery?.runId);
  if (delivery?.state !== "pending" || run === undefined) return null;
  await using undo = new AsyncDisposableStack();
  const openKat = openKatDestinations(settings, undo);
  if (openKat === null && task.origin !== undefined) return null;
  const stored = readStoredRun({ run: run.document, output: run.output });
  const so = { ageMs: 0, retried: false, triedBefore: true };
  const sinks = openSinks(settings, database, home);
  const steps = deliverySteps(stored, stored.outcome, so, { openKat, sinks });
  const done = new Set(delivery.steps.map(({ step }) => step));
  return steps.map(({ name }) => name).filter((name) => !done.has(name));
}

function openKatDestinations(
  settings: SupervisorSettings,
  undo: AsyncDisposableStack,
): OpenKatDestinations | null {
  const openKat = openKatSettings(settings);
  if (openKat === null) return null;
  const open = (name: string, baseUrl: string): ReturnType<typeof openHttpService> => {
    const service = openHttpService({ name, baseUrl, timeoutMs: settings.requestTimeoutMs });
    undo.defer(() => service.close());
    return service;
  };
  return {
    mula: openMula(open("Mula", openKat.schedulerApi)),
    bytes: openBytes(open("Bytes", openKat.bytesApi), {
      username: openKat.bytesUsername,
      password: openKat.bytesPassword,
    }),
    octopoes: openKat.octopoesApi === null ? null : open("Octopoes", openKat.octopoesApi),
    whitelist: settings.scanProfileWhitelist,
    outputRaws: settings.sinks.includes("bytes"),
    errorRaws: settings.errorRaws,
    quiet: () => Promise.resolve(),
    onLeft: () => {},
  };
}
