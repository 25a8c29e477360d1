// From the control document, by openapi-typescript: npm run generate

export interface paths {
    "/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is served, how, and whether the last edit could be read */
        get: operations["get_status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/departures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The faults, variations and scenarios that can be asked for */
        get: operations["list_departures"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * As after the start: no sessions, rules, released gates, journal; the clock is the machine's
         * @description Runs under way are cancelled. Without a scope it is everything, all scopes included.
         */
        post: operations["reset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/scopes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The scopes that are open */
        get: operations["list_scopes"];
        put?: never;
        /**
         * Open a scope
         * @description Sessions whose ids begin with its name and a colon belong to it from now on. One that is open stays as it is.
         */
        post: operations["open_scope"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/scopes/{scope}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                scope: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Close a scope, and say what its test has left undone
         * @description Its runs under way are cancelled; its sessions, rules, gates, workflows and journal are gone.
         */
        delete: operations["close_scope"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The rules of a scope, in the order in which they are asked */
        get: operations["list_rules"];
        put?: never;
        /** Answer the requests that this is for with something else */
        post: operations["create_rule"];
        /** Take away all rules of a scope */
        delete: operations["delete_rules"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/rules/{rule_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                rule_id: string;
            };
            cookie?: never;
        };
        /** One rule, and how often it was used */
        get: operations["get_rule"];
        put?: never;
        post?: never;
        /**
         * Take a rule away
         * @description Runs that it holds already are still held.
         */
        delete: operations["delete_rule"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/gates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Where runs of a scope wait now
         * @description With `timeout` it answers as soon as one waits (at `gate`, where that is said), else 408 after so many seconds.
         */
        get: operations["list_gates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/gates/{gate}/release": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                gate: string;
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let runs go on that wait at a gate, or come to it later
         * @description With a run_id that run; else all of the scope, those to come too, until the scope is reset.
         */
        post: operations["release_gate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The runs of a scope, the newest first */
        get: operations["list_runs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/runs/{run_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        /** A run with all that it has sent, each event with what it is about */
        get: operations["get_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/runs/{run_id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send nothing more, and let no time of the run pass */
        post: operations["pause_run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/runs/{run_id}/step": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let a paused run send one event more */
        post: operations["step_run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/runs/{run_id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let a paused run go on */
        post: operations["resume_run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/runs/{run_id}/cut": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cut the connection; the run ends as where its client goes away */
        post: operations["cut_run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/runs/{run_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cancel a run */
        post: operations["cancel_run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/runs/{run_id}/wait": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        /**
         * Answer when the run has sent an event, at once where it has
         * @description Without `event` it is the run's end. 408 where that does not come in time, and at once where the run ends without it; what was sent is said.
         */
        get: operations["wait_for_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/wait": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Answer when any run of a scope has sent an event, or waits at a gate
         * @description As waiting for one run, for a test that does not know its run_id. What was sent already counts.
         */
        get: operations["wait_for"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/journal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The requests of a scope with their answers, the oldest first
         * @description Secrets are taken out. Beyond a number of bytes the oldest are forgotten.
         */
        get: operations["get_journal"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/feed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What happens, as it happens, as server-sent events
         * @description Each event's data is a FeedItem, its id that item's. Last-Event-ID goes on after that one, as far as it is still remembered; where it is not, an item of the kind `missed` comes first, and the lists say what there is.
         */
        get: operations["get_feed"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/clock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What time it is for the runs of a scope */
        get: operations["get_clock"];
        put?: never;
        /**
         * Set the clock, or let time pass
         * @description `now` sets and stops it; `advance` moves it on, and delays of runs under way pass by as much.
         */
        post: operations["set_clock"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The workflows that are served */
        get: operations["list_scripts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflows/{id}": {
        parameters: {
            query?: {
                /** @description Without it what belongs to no scope */
                scope?: components["parameters"]["Scope"];
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        /** A workflow's script, as it is served */
        get: operations["get_script"];
        /**
         * Serve a script, in place of the one with this id, for this scope
         * @description Runs under way end on the old one. 422 says what is wrong with it, and where; then nothing is changed.
         */
        put: operations["put_script"];
        post?: never;
        /**
         * Take a workflow away, for this scope
         * @description One that was put there gives way to the one that was served before; that one is taken away by a second call.
         */
        delete: operations["delete_script"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Problem: {
            detail: string;
            error_code: string;
        };
        ScriptSummary: {
            id: string;
            name: string;
            description: string | null;
        };
        Status: {
            version: string;
            /** @description The title and version of the document that is served */
            document: string;
            profile?: string | null;
            faults: string[];
            speed: number;
            seed: number | null;
            workflows: string[];
            reload: components["schemas"]["Reload"];
        };
        Reload: {
            /** @description When what is served was read, in seconds since the epoch */
            since: number;
            /** @description What is wrong with the last edit; it is not served */
            problems: string[];
        };
        Departures: {
            faults: components["schemas"]["Departure"][];
            variations: components["schemas"]["Departure"][];
            /** @description By workflow */
            scenarios: {
                [key: string]: string[];
            };
        };
        Departure: {
            name: string;
            text: string;
        };
        ScopeName: {
            scope?: string;
        };
        NewScope: {
            /** @description A name without a colon */
            scope: string;
        };
        ScopeReport: {
            /** @description Gates at which runs wait: nobody has released them */
            unreleased_gates: string[];
            unused_rules: components["schemas"]["Rule"][];
            /** @description Runs that were under way, now cancelled */
            open_runs: string[];
        };
        NewRule: {
            scope?: string;
            /** @description CEL over method, path, operation_id, workflow_id, run_id, session_id, user_id, input, form, query, headers, body; what a request has not is empty */
            when?: string;
            workflow_id?: string;
            /** @description An operationId of the AgentOS document, such as create_workflow_run */
            operation_id?: string;
            /** @description How many requests it changes; all without it */
            times?: number;
            answer: components["schemas"]["Answer"];
        };
        Rule: {
            id: string;
            scope: string;
            when?: string;
            workflow_id?: string;
            operation_id?: string;
            times?: number;
            /** @description How many requests it has changed, those under way among them that it may still change */
            used: number;
            answer: components["schemas"]["Answer"];
        };
        /** @description A whole answer, by its status; or how the usual one differs. */
        Answer: {
            status?: number;
            detail?: string;
            error_code?: string;
            headers?: {
                [key: string]: string;
            };
            /** @description Instead of one with detail and error_code: JSON, or a text that is sent as it is */
            body?: unknown;
            /** @description Seconds before the answer */
            delay?: number;
            scenario?: string;
            faults?: string[];
            variations?: string[];
            speed?: number;
            seed?: number;
            hold?: components["schemas"]["Hold"];
            cut?: {
                /** @description How many events are sent before the connection is cut */
                after: number;
            };
            fail?: {
                /** @description How many events are sent before the run fails */
                after: number;
                error?: string;
            };
        };
        /** @description Either before or after an event. */
        Hold: {
            /** @description An event's name; the branch waits before it is sent */
            before?: string;
            after?: string;
            /** @description The name of the step or container that the event is about */
            step?: string;
            gate: string;
        };
        Gate: {
            gate: string;
            run_id: string;
            workflow_id?: string;
            step: string | null;
            /** @description Seconds since the epoch */
            since: number;
        };
        /**
         * @description `paused` is a run that has ended with a pause of its own, which another request continues
         * @enum {string}
         */
        RunState: "running" | "completed" | "failed" | "cancelled" | "paused";
        Run: {
            run_id: string;
            workflow_id: string;
            session_id: string;
            user_id?: string | null;
            scope: string;
            state: components["schemas"]["RunState"];
            /** @description Whether this API has paused it */
            is_paused: boolean;
            is_cut?: boolean;
            is_stream: boolean;
            /** @description Seconds since the epoch */
            started: number;
            event_count: number;
            gates: components["schemas"]["Gate"][];
        };
        RunWithEvents: components["schemas"]["Run"] & {
            events: components["schemas"]["RunEvent"][];
        };
        RunEvent: {
            /** @description From 0 */
            index: number;
            /** @description Seconds since the run's start */
            time: number;
            name: string;
            /** @description Its payload; null where nobody was there to see it (a batch run's, unwatched) */
            data: Record<string, never> | null;
            /** @description The part of the run that the event is about */
            about: null | components["schemas"]["About"];
            /** @description What it breaks of the event protocol */
            violations: string[];
        };
        About: {
            span: number;
            parent: number | null;
            /** @enum {string} */
            role: "starts" | "ends" | "breaks" | "within";
            /** @description workflow, step, Parallel, agent or team run, tool call, … */
            kind: string;
            label: string;
        };
        Waited: {
            run_id: string;
            event?: string;
            step?: string | null;
            gate?: string;
            index?: number;
            data?: Record<string, never> | null;
        };
        Clock: {
            /** @description Seconds since the epoch */
            now: number;
        };
        ClockChange: {
            scope?: string;
            now?: number;
            /** @description Seconds */
            advance?: number;
        };
        JournalEntry: {
            id: number;
            scope: string;
            /** @description Seconds since the epoch */
            time: number;
            /** @description Seconds until the answer was over; null while it is not */
            duration: number | null;
            run_id: string | null;
            request: {
                method: string;
                path: string;
                query: string;
                headers: components["schemas"]["Header"][];
                body: string;
            };
            response: null | {
                status: number;
                headers: components["schemas"]["Header"][];
                /** @description Empty for a stream */
                body: string;
            };
            /** @description A stream's, as they were sent */
            frames: {
                /** @description Seconds since the request */
                time: number;
                text: string;
            }[];
        };
        Header: {
            name: string;
            value: string;
        };
        FeedItem: {
            /** @enum {string} */
            kind: "run" | "event" | "end" | "gate" | "released" | "request" | "response" | "rules" | "scopes" | "reload" | "missed";
            scope?: string;
            run?: components["schemas"]["Run"];
            run_id?: string;
            event?: components["schemas"]["RunEvent"];
            gate?: components["schemas"]["Gate"];
            entry?: components["schemas"]["JournalEntry"];
            reload?: components["schemas"]["Reload"];
        };
    };
    responses: {
        /** @description What was wrong */
        Problem: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Problem"];
            };
        };
        /** @description The run as it is then */
        Run: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Run"];
            };
        };
    };
    parameters: {
        /** @description Without it what belongs to no scope */
        Scope: string;
        RunId: string;
        /** @description Its name, such as StepCompleted */
        Event: string;
        /** @description The name of the step that it is about */
        Step: string;
        /** @description Seconds */
        Timeout: number;
    };
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    get_status: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The mock as it is */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    list_departures: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description By name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Departures"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    reset: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["ScopeName"];
            };
        };
        responses: {
            /** @description Done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Problem"];
        };
    };
    list_scopes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Their names */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScopeName"][];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    open_scope: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewScope"];
            };
        };
        responses: {
            /** @description It was open */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScopeName"];
                };
            };
            /** @description It is open */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScopeName"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    close_scope: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                scope: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was left */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScopeReport"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    list_rules: {
        parameters: {
            query?: {
                /** @description Without it what belongs to no scope */
                scope?: components["parameters"]["Scope"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Rules */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rule"][];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    create_rule: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewRule"];
            };
        };
        responses: {
            /** @description The rule */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rule"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    delete_rules: {
        parameters: {
            query?: {
                /** @description Without it what belongs to no scope */
                scope?: components["parameters"]["Scope"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Gone */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Problem"];
        };
    };
    get_rule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rule */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rule"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    delete_rule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                rule_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Gone */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Problem"];
        };
    };
    list_gates: {
        parameters: {
            query?: {
                /** @description Without it what belongs to no scope */
                scope?: components["parameters"]["Scope"];
                gate?: string;
                /** @description Seconds */
                timeout?: components["parameters"]["Timeout"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Waits */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Gate"][];
                };
            };
            408: components["responses"]["Problem"];
            default: components["responses"]["Problem"];
        };
    };
    release_gate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                gate: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    run_id?: string;
                    scope?: string;
                };
            };
        };
        responses: {
            /** @description Those that waited there */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Gate"][];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    list_runs: {
        parameters: {
            query?: {
                /** @description Without it what belongs to no scope */
                scope?: components["parameters"]["Scope"];
                workflow_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Runs */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"][];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    get_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The run */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunWithEvents"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    pause_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Run"];
            default: components["responses"]["Problem"];
        };
    };
    step_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Run"];
            default: components["responses"]["Problem"];
        };
    };
    resume_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Run"];
            default: components["responses"]["Problem"];
        };
    };
    cut_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Run"];
            default: components["responses"]["Problem"];
        };
    };
    cancel_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Run"];
            default: components["responses"]["Problem"];
        };
    };
    wait_for_run: {
        parameters: {
            query?: {
                /** @description Its name, such as StepCompleted */
                event?: components["parameters"]["Event"];
                /** @description The name of the step that it is about */
                step?: components["parameters"]["Step"];
                /** @description The index of an event; one that comes later is waited for */
                after?: number;
                /** @description Seconds */
                timeout?: components["parameters"]["Timeout"];
            };
            header?: never;
            path: {
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It was sent */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Waited"];
                };
            };
            408: components["responses"]["Problem"];
            default: components["responses"]["Problem"];
        };
    };
    wait_for: {
        parameters: {
            query?: {
                /** @description Without it what belongs to no scope */
                scope?: components["parameters"]["Scope"];
                workflow_id?: string;
                /** @description Its name, such as StepCompleted */
                event?: components["parameters"]["Event"];
                /** @description The name of the step that it is about */
                step?: components["parameters"]["Step"];
                gate?: string;
                /** @description Seconds */
                timeout?: components["parameters"]["Timeout"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It was sent */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Waited"];
                };
            };
            408: components["responses"]["Problem"];
            default: components["responses"]["Problem"];
        };
    };
    get_journal: {
        parameters: {
            query?: {
                /** @description Without it what belongs to no scope */
                scope?: components["parameters"]["Scope"];
                /** @description The id of an entry, after which to begin */
                since?: number;
                format?: "json" | "har";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Entries, or an HTTP Archive 1.2 */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JournalEntry"][] | Record<string, never>;
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    get_feed: {
        parameters: {
            query?: {
                /** @description Without it what belongs to no scope */
                scope?: components["parameters"]["Scope"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Items */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    get_clock: {
        parameters: {
            query?: {
                /** @description Without it what belongs to no scope */
                scope?: components["parameters"]["Scope"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The time */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Clock"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    set_clock: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ClockChange"];
            };
        };
        responses: {
            /** @description The time */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Clock"];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    list_scripts: {
        parameters: {
            query?: {
                /** @description Without it what belongs to no scope */
                scope?: components["parameters"]["Scope"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Those of the scope */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScriptSummary"][];
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    get_script: {
        parameters: {
            query?: {
                /** @description Without it what belongs to no scope */
                scope?: components["parameters"]["Scope"];
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The script */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    put_script: {
        parameters: {
            query?: {
                /** @description Without it what belongs to no scope */
                scope?: components["parameters"]["Scope"];
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": Record<string, never>;
                "application/yaml": Record<string, never>;
            };
        };
        responses: {
            /** @description The script */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            default: components["responses"]["Problem"];
        };
    };
    delete_script: {
        parameters: {
            query?: {
                /** @description Without it what belongs to no scope */
                scope?: components["parameters"]["Scope"];
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Gone */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Problem"];
        };
    };
}
