// The command of the mock: AGENTOS_MOCK_COMMAND, else the checkout's, else the one on the path.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const own = fileURLToPath(new URL("../../.venv/bin/agentos-mock", import.meta.url));

export const mockCommand = process.env.AGENTOS_MOCK_COMMAND ?? (existsSync(own) ? own : "agentos-mock");
