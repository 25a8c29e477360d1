/** A mock that runs as long as it is needed. */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";

export interface StartOptions {
  /** The command; `agentos-mock`, or AGENTOS_MOCK_COMMAND, without it. */
  command?: string;
  /** More options of `agentos-mock serve`. */
  args?: string[];
}

export interface RunningMock {
  url: string;
  stop(): Promise<void>;
}

/**
 * Start the mock on a free port. AGENTOS_MOCK_URL names one that runs already; then nothing is
 * started, and `stop` leaves it alone.
 */
export async function startMock(options: StartOptions = {}): Promise<RunningMock> {
  const running = process.env["AGENTOS_MOCK_URL"];
  return running ? { url: running, stop: async () => {} } : spawnMock(options);
}

/** The mock's command: AGENTOS_MOCK_COMMAND, or `agentos-mock`. */
export function mockCommand(): string {
  return process.env["AGENTOS_MOCK_COMMAND"] || "agentos-mock";
}

/** Start a mock on a free port, whether or not one runs already. */
export async function spawnMock(options: StartOptions = {}): Promise<RunningMock> {
  const command = options.command ?? mockCommand();
  const child = spawn(command, ["serve", "--port", "0", "--log-level", "warning", ...(options.args ?? [])], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const guard = endsWithThisProcess(child);
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  const ended = new Promise<never>((_, reject) => {
    child.once("error", (error) => reject(new Error(`${command} cannot be started: ${error.message}; pip install agentos-contract-kit`)));
    child.once("exit", (code) => reject(new Error(`${command} ended with ${code}: ${errors.join("")}`)));
  });
  ended.catch(() => undefined);
  const listening = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith("listening on ")) return line.slice("listening on ".length).trim();
    }
    return ended;
  })();
  const url = await Promise.race([listening, ended]);
  child.stdout.resume();
  return {
    url,
    stop: async () => {
      guard.kill();
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGTERM");
        await once(child, "exit");
      }
    },
  };
}

// Its input ends with this process, whatever ends that, a SIGKILL too.
const GUARD = "process.stdin.resume().once('close', () => { try { process.kill(Number(process.argv[1])); } catch {} });";

/** A small process that ends the mock where this one is gone without having stopped it. */
function endsWithThisProcess(mock: ChildProcess): ChildProcess {
  const guard = spawn(process.execPath, ["-e", GUARD, String(mock.pid)], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  guard.on("error", () => undefined);
  guard.unref();
  (guard.stdin as Socket | null)?.unref();
  mock.once("exit", () => guard.kill());
  return guard;
}
