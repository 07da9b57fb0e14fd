import { openKatSettings, type SupervisorSettings } from "../../config/supervisor-settings.ts";
import { WhiskersError } from "../../errors.ts";
import { type HttpService, openHttpService } from "../../http/http-service.ts";
import { type Mula, openMula } from "../../intake/mula.ts";
import { type Bytes, openBytes } from "../../raw/bytes.ts";

/** The services of OpenKAT that a command talks to. */
export interface OpenKatServices extends AsyncDisposable {
  readonly bytes: Bytes;
  readonly mula: Mula;
}

/** @throws WhiskersError `config-invalid` the settings name none */
export function connectOpenKat(settings: SupervisorSettings): OpenKatServices {
  const openKat = openKatSettings(settings);
  if (openKat === null) throw new WhiskersError("config-invalid", "SCHEDULER_API and BYTES_API must be set");
  const open = (name: string, baseUrl: string): HttpService =>
    openHttpService({ name, baseUrl, timeoutMs: settings.requestTimeoutMs });
  const [bytes, mula] = [open("Bytes", openKat.bytesApi), open("Mula", openKat.schedulerApi)];
  return {
    bytes: openBytes(bytes, { username: openKat.bytesUsername, password: openKat.bytesPassword }),
    mula: openMula(mula),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([bytes.close(), mula.close()]);
    },
  };
}
