// From the agentos document, by openapi-typescript: npm run generate

export interface paths {
    "/workflows/{workflow_id}/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Execute Workflow
         * @description Execute a workflow with the provided input data. Workflows can run in streaming or batch mode.
         *
         *     **Execution Modes:**
         *     - **Streaming (`stream=true`)**: Real-time step-by-step execution updates via SSE
         *     - **Non-Streaming (`stream=false`)**: Complete workflow execution with final result
         *
         *     **Workflow Execution Process:**
         *     1. Input validation against workflow schema
         *     2. Sequential or parallel step execution based on workflow design
         *     3. Data flow between steps with transformation
         *     4. Error handling and automatic retries where configured
         *     5. Final result compilation and response
         *
         *     **Session Management:**
         *     Workflows support session continuity for stateful execution across multiple runs.
         */
        post: operations["create_workflow_run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * API Information
         * @description What answers here; open to everybody, with or without a token.
         */
        get: operations["get_api_info"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Health Check
         * @description Open to everybody, with or without a token.
         */
        get: operations["health_check"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get OS Configuration
         * @description What this AgentOS serves: its databases and workflows.
         */
        get: operations["get_config"];
        put?: never;
        post?: never;
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
        /**
         * List All Workflows
         * @description Every workflow's summary.
         */
        get: operations["get_workflows"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List All Agents
         * @description The agents that are served beside the workflows.
         */
        get: operations["get_agents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/teams": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List All Teams
         * @description The teams that are served beside the workflows.
         */
        get: operations["get_teams"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflows/{workflow_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Workflow Details
         * @description One workflow with its steps and, where it has one, its input_schema.
         */
        get: operations["get_workflow"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflows/{workflow_id}/runs/{run_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Workflow Run
         * @description A run that has ended, read back from its session.
         */
        get: operations["get_workflow_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/workflows/{workflow_id}/runs/{run_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel Workflow Run
         * @description Ends a run. Idempotent: a run that has ended, or is not known yet, is answered alike.
         */
        post: operations["cancel_workflow_run"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List Sessions
         * @description Sessions, a page at a time, newest first.
         */
        get: operations["get_sessions"];
        put?: never;
        /**
         * Create New Session
         * @description An empty session, to be used by runs that give its session_id. An existing one is replaced.
         */
        post: operations["create_session"];
        /**
         * Delete Multiple Sessions
         * @description Deletes the sessions that exist among those named. Both lists have the same length.
         */
        delete: operations["delete_sessions"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sessions/{session_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Session by ID
         * @description One session with its state.
         */
        get: operations["get_session_by_id"];
        put?: never;
        post?: never;
        /**
         * Delete Session
         * @description Deletes a session, if it exists.
         */
        delete: operations["delete_session"];
        options?: never;
        head?: never;
        /**
         * Update Session
         * @description Changes the name, state, metadata or summary; what is not given stays.
         */
        patch: operations["update_session"];
        trace?: never;
    };
    "/sessions/{session_id}/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Session Runs
         * @description A session's runs, oldest first.
         */
        get: operations["get_session_runs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sessions/{session_id}/runs/{run_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get Run by ID
         * @description One run of a session.
         */
        get: operations["get_session_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sessions/{session_id}/rename": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rename Session
         * @description Changes a session's name.
         */
        post: operations["rename_session"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** Body_create_workflow_run */
        Body_create_workflow_run: {
            /** Message */
            message: string;
            /**
             * Stream
             * @default true
             */
            stream: boolean;
            /** Session Id */
            session_id?: string | null;
            /** User Id */
            user_id?: string | null;
            /** Version */
            version?: number | null;
        };
        /**
         * BadRequestResponse
         * @example {
         *       "detail": "Bad request",
         *       "error_code": "BAD_REQUEST"
         *     }
         */
        BadRequestResponse: {
            /**
             * Detail
             * @description Error detail message
             */
            detail: string;
            /**
             * Error Code
             * @description Error code for categorization
             */
            error_code?: string | null;
        };
        /**
         * UnauthenticatedResponse
         * @example {
         *       "detail": "Unauthenticated access",
         *       "error_code": "UNAUTHENTICATED"
         *     }
         */
        UnauthenticatedResponse: {
            /**
             * Detail
             * @description Error detail message
             */
            detail: string;
            /**
             * Error Code
             * @description Error code for categorization
             */
            error_code?: string | null;
        };
        /**
         * NotFoundResponse
         * @example {
         *       "detail": "Not found",
         *       "error_code": "NOT_FOUND"
         *     }
         */
        NotFoundResponse: {
            /**
             * Detail
             * @description Error detail message
             */
            detail: string;
            /**
             * Error Code
             * @description Error code for categorization
             */
            error_code?: string | null;
        };
        /**
         * ValidationErrorResponse
         * @example {
         *       "detail": "Validation error",
         *       "error_code": "VALIDATION_ERROR"
         *     }
         */
        ValidationErrorResponse: {
            /**
             * Detail
             * @description Error detail message
             */
            detail: string;
            /**
             * Error Code
             * @description Error code for categorization
             */
            error_code?: string | null;
        };
        /**
         * InternalServerErrorResponse
         * @example {
         *       "detail": "Internal server error",
         *       "error_code": "INTERNAL_SERVER_ERROR"
         *     }
         */
        InternalServerErrorResponse: {
            /**
             * Detail
             * @description Error detail message
             */
            detail: string;
            /**
             * Error Code
             * @description Error code for categorization
             */
            error_code?: string | null;
        };
        /** @description What every event of the workflow itself has. Further properties may come with any release. */
        BaseWorkflowRunOutputEvent: {
            event: string;
            created_at: components["schemas"]["UnixSeconds"];
            workflow_id: string;
            workflow_name?: string;
            session_id: string;
            /** @description The workflow's run. */
            run_id: string;
            step_id?: string;
            /** @description The step_id of the container that this step stands in. */
            parent_step_id?: string;
        };
        /** @description An event of one step or container. */
        StepScopedEvent: components["schemas"]["BaseWorkflowRunOutputEvent"] & {
            step_id: string;
            step_name: string;
            step_index: components["schemas"]["StepIndex"];
        };
        /** @description Where the step stands: its number at top level, the path of numbers deeper. */
        StepIndex: number | number[];
        UnixSeconds: number;
        /** @description What ties an agent's or team's event to the workflow's run and step that it belongs to. */
        RunWithinStep: {
            workflow_id: string;
            /** @description The workflow's run, where run_id is the agent's or team's own. */
            workflow_run_id: string;
            step_id: string;
            step_name?: string;
            step_index: components["schemas"]["StepIndex"];
        };
        /** @description What every event of an agent's or team's own run has. */
        BaseExecutorRunEvent: {
            event: string;
            created_at: components["schemas"]["UnixSeconds"];
            /** @description The agent's or team's own run. */
            run_id: string;
            /** @description The team's run, for a member of the team. */
            parent_run_id?: string;
            session_id: string;
        };
        BaseAgentRunEvent: components["schemas"]["BaseExecutorRunEvent"] & components["schemas"]["RunWithinStep"] & {
            agent_id: string;
            agent_name?: string;
        };
        BaseTeamRunEvent: components["schemas"]["BaseExecutorRunEvent"] & components["schemas"]["RunWithinStep"] & {
            team_id: string;
            team_name?: string;
        };
        /** @description A step's result. A container's result holds those of its children in `steps`. */
        StepOutput: {
            /** @description Text, or JSON where the step answers data. */
            content: unknown;
            step_name: string | null;
            step_id?: string | null;
            /** @enum {unknown} */
            step_type?: "Function" | "Step" | "Steps" | "Loop" | "Parallel" | "Condition" | "Router" | null;
            /** @description function, agent, team or parallel. */
            executor_type?: string | null;
            executor_name?: string | null;
            /** @description The agent's or team's own run. */
            step_run_id?: string | null;
            images?: components["schemas"]["Media"];
            videos?: components["schemas"]["Media"];
            audio?: components["schemas"]["Media"];
            files?: components["schemas"]["Media"];
            metrics?: components["schemas"]["Metrics"] | null;
            success: boolean;
            error: string | null;
            /** @description Whether the step ended the workflow early. */
            stop: boolean;
            steps?: components["schemas"]["StepOutput"][] | null;
        };
        Media: Record<string, never>[] | null;
        /** @description Token counts and times (seconds); what is zero or unknown is left out. */
        Metrics: {
            input_tokens?: number;
            output_tokens?: number;
            total_tokens?: number;
            audio_input_tokens?: number;
            audio_output_tokens?: number;
            audio_total_tokens?: number;
            cache_read_tokens?: number;
            cache_write_tokens?: number;
            reasoning_tokens?: number;
            time_to_first_token?: number | null;
            duration?: number | null;
            details?: Record<string, never> | null;
        };
        /** @description One call of a tool. */
        ToolExecution: {
            tool_call_id: string | null;
            tool_name: string | null;
            tool_args?: Record<string, never> | null;
            tool_call_error?: boolean | null;
            result?: string | null;
            metrics?: Record<string, never> | null;
            child_run_id?: string | null;
            stop_after_tool_call?: boolean;
            created_at?: components["schemas"]["UnixSeconds"];
            requires_confirmation?: boolean | null;
            confirmed?: boolean | null;
            confirmation_note?: string | null;
            requires_user_input?: boolean | null;
            user_input_schema?: unknown[] | null;
            user_feedback_schema?: unknown[] | null;
            answered?: boolean | null;
            external_execution_required?: boolean | null;
            external_execution_silent?: boolean | null;
            approval_type?: string | null;
            approval_id?: string | null;
        };
        WorkflowStartedEvent: components["schemas"]["BaseWorkflowRunOutputEvent"] & {
            /** @constant */
            event: "WorkflowStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "WorkflowStarted";
        };
        WorkflowCompletedEvent: components["schemas"]["BaseWorkflowRunOutputEvent"] & {
            /** @constant */
            event: "WorkflowCompleted";
            content?: unknown;
            content_type?: string;
            step_results: components["schemas"]["StepOutput"][];
            metadata?: Record<string, never> | null;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "WorkflowCompleted";
        };
        WorkflowCancelledEvent: components["schemas"]["BaseWorkflowRunOutputEvent"] & {
            /** @constant */
            event: "WorkflowCancelled";
            reason?: string;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "WorkflowCancelled";
        };
        WorkflowErrorEvent: components["schemas"]["BaseWorkflowRunOutputEvent"] & {
            /** @constant */
            event: "WorkflowError";
            error: string;
            error_type?: string;
            error_id?: string;
            additional_data?: Record<string, never>;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "WorkflowError";
        };
        /** @description A workflow's own agent starts deciding; it comes before the run and has no run_id. */
        WorkflowAgentStartedEvent: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "WorkflowAgentStarted";
            created_at: components["schemas"]["UnixSeconds"];
            workflow_id: string;
            workflow_name?: string;
            session_id: string;
        };
        WorkflowAgentCompletedEvent: components["schemas"]["BaseWorkflowRunOutputEvent"] & {
            /** @constant */
            event: "WorkflowAgentCompleted";
            /** @description The agent's own run. */
            run_id?: string;
            content?: unknown;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "WorkflowAgentCompleted";
        };
        StepStartedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "StepStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "StepStarted";
        };
        StepCompletedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "StepCompleted";
            content?: unknown;
            content_type?: string;
            step_response: components["schemas"]["StepOutput"];
            images?: components["schemas"]["Media"];
            videos?: components["schemas"]["Media"];
            audio?: components["schemas"]["Media"];
            response_audio?: Record<string, never>;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "StepCompleted";
        };
        /** @description A function step's result at top level. Only the result names the step: the event has no step_id, and no step_name where the step failed and was skipped. */
        StepOutputEvent: components["schemas"]["BaseWorkflowRunOutputEvent"] & {
            /** @constant */
            event: "StepOutput";
            step_name?: string;
            step_index: components["schemas"]["StepIndex"];
            step_output: components["schemas"]["StepOutput"];
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "StepOutput";
        };
        StepErrorEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "StepError";
            error: string;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "StepError";
        };
        StepPausedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "StepPaused";
            requires_confirmation?: boolean;
            confirmation_message?: string;
            requires_user_input?: boolean;
            user_input_message?: string;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "StepPaused";
        };
        ParallelExecutionStartedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "ParallelExecutionStarted";
            parallel_step_count: number;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ParallelExecutionStarted";
        };
        ParallelExecutionCompletedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "ParallelExecutionCompleted";
            parallel_step_count: number;
            step_results: components["schemas"]["StepOutput"][];
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ParallelExecutionCompleted";
        };
        ConditionExecutionStartedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "ConditionExecutionStarted";
            condition_result: boolean;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ConditionExecutionStarted";
        };
        /** @description `branch` is absent where neither branch ran. */
        ConditionExecutionCompletedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "ConditionExecutionCompleted";
            condition_result: boolean;
            executed_steps: number;
            /** @enum {unknown} */
            branch?: "if" | "else";
            step_results: components["schemas"]["StepOutput"][];
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ConditionExecutionCompleted";
        };
        ConditionPausedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "ConditionPaused";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ConditionPaused";
        };
        LoopExecutionStartedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "LoopExecutionStarted";
            max_iterations: number;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "LoopExecutionStarted";
        };
        LoopIterationStartedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "LoopIterationStarted";
            iteration: number;
            max_iterations: number;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "LoopIterationStarted";
        };
        LoopIterationCompletedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "LoopIterationCompleted";
            iteration: number;
            max_iterations: number;
            iteration_results: components["schemas"]["StepOutput"][];
            should_continue: boolean;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "LoopIterationCompleted";
        };
        LoopExecutionCompletedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "LoopExecutionCompleted";
            total_iterations: number;
            max_iterations: number;
            all_results: components["schemas"]["StepOutput"][][];
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "LoopExecutionCompleted";
        };
        RouterExecutionStartedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "RouterExecutionStarted";
            selected_steps: (string | null)[];
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "RouterExecutionStarted";
        };
        RouterExecutionCompletedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "RouterExecutionCompleted";
            selected_steps: (string | null)[];
            executed_steps: number;
            step_results: components["schemas"]["StepOutput"][];
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "RouterExecutionCompleted";
        };
        RouterPausedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "RouterPaused";
            available_choices: string[];
            user_input_message?: string;
            allow_multiple_selections?: boolean;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "RouterPaused";
        };
        StepsExecutionStartedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "StepsExecutionStarted";
            steps_count: number;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "StepsExecutionStarted";
        };
        StepsExecutionCompletedEvent: components["schemas"]["StepScopedEvent"] & {
            /** @constant */
            event: "StepsExecutionCompleted";
            steps_count: number;
            executed_steps: number;
            step_results: components["schemas"]["StepOutput"][];
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "StepsExecutionCompleted";
        };
        ModelFields: {
            model?: string;
            model_provider?: string;
        };
        ContentFields: {
            content?: unknown;
            content_type?: string;
            reasoning_content?: string | null;
            workflow_agent?: boolean;
            citations?: Record<string, never>;
            references?: unknown[];
            model_provider_data?: Record<string, never>;
            image?: Record<string, never>;
            response_audio?: Record<string, never>;
        };
        RunCompletedFields: components["schemas"]["ContentFields"] & {
            metrics?: components["schemas"]["Metrics"];
            session_state?: Record<string, never>;
            metadata?: Record<string, never>;
            images?: components["schemas"]["Media"];
            videos?: components["schemas"]["Media"];
            audio?: components["schemas"]["Media"];
            member_responses?: Record<string, never>[];
        };
        RunErrorFields: {
            /** @description What went wrong. */
            content: string;
            error_type?: string;
            error_id?: string;
            additional_data?: Record<string, never>;
        };
        RunCancelledFields: {
            reason?: string;
        };
        RunPausedFields: {
            tools?: components["schemas"]["ToolExecution"][];
            requirements?: unknown[];
        };
        HookFields: {
            pre_hook_name?: string;
            post_hook_name?: string;
            run_input?: Record<string, never>;
        };
        ToolCallFields: {
            tool: components["schemas"]["ToolExecution"];
            content?: unknown;
            images?: components["schemas"]["Media"];
            videos?: components["schemas"]["Media"];
            audio?: components["schemas"]["Media"];
        };
        ToolCallErrorFields: components["schemas"]["ToolCallFields"] & {
            error: string;
        };
        ModelUsageFields: components["schemas"]["ModelFields"] & {
            input_tokens?: number;
            output_tokens?: number;
            total_tokens?: number;
            reasoning_tokens?: number;
            cache_read_tokens?: number;
            cache_write_tokens?: number;
            time_to_first_token?: number;
        };
        CompressionFields: {
            tool_results_compressed?: number;
            original_size?: number;
            compressed_size?: number;
        };
        MemoryUpdateFields: {
            memories?: unknown[];
        };
        SessionSummaryFields: {
            session_summary?: Record<string, never>;
        };
        RunStartedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["ModelFields"] & {
            /** @constant */
            event: "RunStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "RunStarted";
        };
        /** @description Content as it comes, one event a chunk. A workflow's own agent (`workflow_agent`) speaks outside of any step. */
        RunContentEvent: components["schemas"]["BaseExecutorRunEvent"] & components["schemas"]["ContentFields"] & {
            /** @constant */
            event: "RunContent";
            agent_id: string;
            agent_name?: string;
            workflow_agent?: boolean;
            workflow_id?: string;
            workflow_run_id?: string;
            step_id?: string;
            step_name?: string;
            step_index?: components["schemas"]["StepIndex"];
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "RunContent";
        };
        RunIntermediateContentEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["ContentFields"] & {
            /** @constant */
            event: "RunIntermediateContent";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "RunIntermediateContent";
        };
        RunContentCompletedEvent: components["schemas"]["BaseAgentRunEvent"] & {
            /** @constant */
            event: "RunContentCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "RunContentCompleted";
        };
        RunCompletedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["RunCompletedFields"] & {
            /** @constant */
            event: "RunCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "RunCompleted";
        };
        RunErrorEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["RunErrorFields"] & {
            /** @constant */
            event: "RunError";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "RunError";
        };
        RunCancelledEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["RunCancelledFields"] & {
            /** @constant */
            event: "RunCancelled";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "RunCancelled";
        };
        RunPausedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["RunPausedFields"] & {
            /** @constant */
            event: "RunPaused";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "RunPaused";
        };
        RunContinuedEvent: components["schemas"]["BaseAgentRunEvent"] & {
            /** @constant */
            event: "RunContinued";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "RunContinued";
        };
        ModelRequestStartedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["ModelFields"] & {
            /** @constant */
            event: "ModelRequestStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ModelRequestStarted";
        };
        ModelRequestCompletedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["ModelUsageFields"] & {
            /** @constant */
            event: "ModelRequestCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ModelRequestCompleted";
        };
        ToolCallStartedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["ToolCallFields"] & {
            /** @constant */
            event: "ToolCallStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ToolCallStarted";
        };
        ToolCallCompletedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["ToolCallFields"] & {
            /** @constant */
            event: "ToolCallCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ToolCallCompleted";
        };
        ToolCallErrorEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["ToolCallErrorFields"] & {
            /** @constant */
            event: "ToolCallError";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ToolCallError";
        };
        ReasoningStartedEvent: components["schemas"]["BaseAgentRunEvent"] & {
            /** @constant */
            event: "ReasoningStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ReasoningStarted";
        };
        ReasoningStepEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["ContentFields"] & {
            /** @constant */
            event: "ReasoningStep";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ReasoningStep";
        };
        ReasoningContentDeltaEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["ContentFields"] & {
            /** @constant */
            event: "ReasoningContentDelta";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ReasoningContentDelta";
        };
        ReasoningCompletedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["ContentFields"] & {
            /** @constant */
            event: "ReasoningCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ReasoningCompleted";
        };
        PreHookStartedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["HookFields"] & {
            /** @constant */
            event: "PreHookStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "PreHookStarted";
        };
        PreHookCompletedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["HookFields"] & {
            /** @constant */
            event: "PreHookCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "PreHookCompleted";
        };
        PostHookStartedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["HookFields"] & {
            /** @constant */
            event: "PostHookStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "PostHookStarted";
        };
        PostHookCompletedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["HookFields"] & {
            /** @constant */
            event: "PostHookCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "PostHookCompleted";
        };
        MemoryUpdateStartedEvent: components["schemas"]["BaseAgentRunEvent"] & {
            /** @constant */
            event: "MemoryUpdateStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "MemoryUpdateStarted";
        };
        MemoryUpdateCompletedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["MemoryUpdateFields"] & {
            /** @constant */
            event: "MemoryUpdateCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "MemoryUpdateCompleted";
        };
        SessionSummaryStartedEvent: components["schemas"]["BaseAgentRunEvent"] & {
            /** @constant */
            event: "SessionSummaryStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "SessionSummaryStarted";
        };
        SessionSummaryCompletedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["SessionSummaryFields"] & {
            /** @constant */
            event: "SessionSummaryCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "SessionSummaryCompleted";
        };
        ParserModelResponseStartedEvent: components["schemas"]["BaseAgentRunEvent"] & {
            /** @constant */
            event: "ParserModelResponseStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ParserModelResponseStarted";
        };
        ParserModelResponseCompletedEvent: components["schemas"]["BaseAgentRunEvent"] & {
            /** @constant */
            event: "ParserModelResponseCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "ParserModelResponseCompleted";
        };
        OutputModelResponseStartedEvent: components["schemas"]["BaseAgentRunEvent"] & {
            /** @constant */
            event: "OutputModelResponseStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "OutputModelResponseStarted";
        };
        OutputModelResponseCompletedEvent: components["schemas"]["BaseAgentRunEvent"] & {
            /** @constant */
            event: "OutputModelResponseCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "OutputModelResponseCompleted";
        };
        CompressionStartedEvent: components["schemas"]["BaseAgentRunEvent"] & {
            /** @constant */
            event: "CompressionStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "CompressionStarted";
        };
        CompressionCompletedEvent: components["schemas"]["BaseAgentRunEvent"] & components["schemas"]["CompressionFields"] & {
            /** @constant */
            event: "CompressionCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "CompressionCompleted";
        };
        TeamRunStartedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["ModelFields"] & {
            /** @constant */
            event: "TeamRunStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamRunStarted";
        };
        TeamRunContentEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["ContentFields"] & {
            /** @constant */
            event: "TeamRunContent";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamRunContent";
        };
        TeamRunIntermediateContentEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["ContentFields"] & {
            /** @constant */
            event: "TeamRunIntermediateContent";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamRunIntermediateContent";
        };
        TeamRunContentCompletedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamRunContentCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamRunContentCompleted";
        };
        TeamRunCompletedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["RunCompletedFields"] & {
            /** @constant */
            event: "TeamRunCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamRunCompleted";
        };
        TeamRunErrorEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["RunErrorFields"] & {
            /** @constant */
            event: "TeamRunError";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamRunError";
        };
        TeamRunCancelledEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["RunCancelledFields"] & {
            /** @constant */
            event: "TeamRunCancelled";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamRunCancelled";
        };
        TeamRunPausedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["RunPausedFields"] & {
            /** @constant */
            event: "TeamRunPaused";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamRunPaused";
        };
        TeamRunContinuedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamRunContinued";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamRunContinued";
        };
        TeamModelRequestStartedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["ModelFields"] & {
            /** @constant */
            event: "TeamModelRequestStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamModelRequestStarted";
        };
        TeamModelRequestCompletedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["ModelUsageFields"] & {
            /** @constant */
            event: "TeamModelRequestCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamModelRequestCompleted";
        };
        TeamToolCallStartedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["ToolCallFields"] & {
            /** @constant */
            event: "TeamToolCallStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamToolCallStarted";
        };
        TeamToolCallCompletedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["ToolCallFields"] & {
            /** @constant */
            event: "TeamToolCallCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamToolCallCompleted";
        };
        TeamToolCallErrorEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["ToolCallErrorFields"] & {
            /** @constant */
            event: "TeamToolCallError";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamToolCallError";
        };
        TeamReasoningStartedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamReasoningStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamReasoningStarted";
        };
        TeamReasoningStepEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["ContentFields"] & {
            /** @constant */
            event: "TeamReasoningStep";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamReasoningStep";
        };
        TeamReasoningContentDeltaEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["ContentFields"] & {
            /** @constant */
            event: "TeamReasoningContentDelta";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamReasoningContentDelta";
        };
        TeamReasoningCompletedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["ContentFields"] & {
            /** @constant */
            event: "TeamReasoningCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamReasoningCompleted";
        };
        TeamPreHookStartedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["HookFields"] & {
            /** @constant */
            event: "TeamPreHookStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamPreHookStarted";
        };
        TeamPreHookCompletedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["HookFields"] & {
            /** @constant */
            event: "TeamPreHookCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamPreHookCompleted";
        };
        TeamPostHookStartedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["HookFields"] & {
            /** @constant */
            event: "TeamPostHookStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamPostHookStarted";
        };
        TeamPostHookCompletedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["HookFields"] & {
            /** @constant */
            event: "TeamPostHookCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamPostHookCompleted";
        };
        TeamMemoryUpdateStartedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamMemoryUpdateStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamMemoryUpdateStarted";
        };
        TeamMemoryUpdateCompletedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["MemoryUpdateFields"] & {
            /** @constant */
            event: "TeamMemoryUpdateCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamMemoryUpdateCompleted";
        };
        TeamSessionSummaryStartedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamSessionSummaryStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamSessionSummaryStarted";
        };
        TeamSessionSummaryCompletedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["SessionSummaryFields"] & {
            /** @constant */
            event: "TeamSessionSummaryCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamSessionSummaryCompleted";
        };
        TeamParserModelResponseStartedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamParserModelResponseStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamParserModelResponseStarted";
        };
        TeamParserModelResponseCompletedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamParserModelResponseCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamParserModelResponseCompleted";
        };
        TeamOutputModelResponseStartedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamOutputModelResponseStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamOutputModelResponseStarted";
        };
        TeamOutputModelResponseCompletedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamOutputModelResponseCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamOutputModelResponseCompleted";
        };
        TeamCompressionStartedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamCompressionStarted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamCompressionStarted";
        };
        TeamCompressionCompletedEvent: components["schemas"]["BaseTeamRunEvent"] & components["schemas"]["CompressionFields"] & {
            /** @constant */
            event: "TeamCompressionCompleted";
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamCompressionCompleted";
        };
        TeamTaskIterationStartedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamTaskIterationStarted";
            iteration: number;
            max_iterations?: number;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamTaskIterationStarted";
        };
        TeamTaskIterationCompletedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamTaskIterationCompleted";
            iteration: number;
            max_iterations?: number;
            task_summary?: string;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamTaskIterationCompleted";
        };
        TeamTaskStateUpdatedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamTaskStateUpdated";
            task_summary?: string;
            goal_complete?: boolean;
            tasks: Record<string, never>[];
            completion_summary?: string;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamTaskStateUpdated";
        };
        TeamTaskCreatedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamTaskCreated";
            task_id: string;
            title?: string;
            description?: string;
            assignee?: string;
            status?: string;
            dependencies?: string[];
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamTaskCreated";
        };
        TeamTaskUpdatedEvent: components["schemas"]["BaseTeamRunEvent"] & {
            /** @constant */
            event: "TeamTaskUpdated";
            task_id: string;
            title?: string;
            status: string;
            previous_status?: string;
            result?: string;
            assignee?: string;
        } & {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "TeamTaskUpdated";
        };
        /** @description Whatever a workflow's functions and tools send under this name. */
        CustomEvent: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            event: "CustomEvent";
        };
        /** @description One event of the stream as an SSE parser gives it. `event` names the event, `data` is its payload, a JSON text whose own `event` says the same name. */
        WorkflowRunServerSentEvent: {
            /** @enum {string} */
            event: "WorkflowStarted" | "WorkflowCompleted" | "WorkflowCancelled" | "WorkflowError" | "WorkflowAgentStarted" | "WorkflowAgentCompleted" | "StepStarted" | "StepCompleted" | "StepOutput" | "StepError" | "StepPaused" | "ParallelExecutionStarted" | "ParallelExecutionCompleted" | "ConditionExecutionStarted" | "ConditionExecutionCompleted" | "ConditionPaused" | "LoopExecutionStarted" | "LoopIterationStarted" | "LoopIterationCompleted" | "LoopExecutionCompleted" | "RouterExecutionStarted" | "RouterExecutionCompleted" | "RouterPaused" | "StepsExecutionStarted" | "StepsExecutionCompleted" | "RunStarted" | "RunContent" | "RunIntermediateContent" | "RunContentCompleted" | "RunCompleted" | "RunError" | "RunCancelled" | "RunPaused" | "RunContinued" | "ModelRequestStarted" | "ModelRequestCompleted" | "ToolCallStarted" | "ToolCallCompleted" | "ToolCallError" | "ReasoningStarted" | "ReasoningStep" | "ReasoningContentDelta" | "ReasoningCompleted" | "PreHookStarted" | "PreHookCompleted" | "PostHookStarted" | "PostHookCompleted" | "MemoryUpdateStarted" | "MemoryUpdateCompleted" | "SessionSummaryStarted" | "SessionSummaryCompleted" | "ParserModelResponseStarted" | "ParserModelResponseCompleted" | "OutputModelResponseStarted" | "OutputModelResponseCompleted" | "CompressionStarted" | "CompressionCompleted" | "TeamRunStarted" | "TeamRunContent" | "TeamRunIntermediateContent" | "TeamRunContentCompleted" | "TeamRunCompleted" | "TeamRunError" | "TeamRunCancelled" | "TeamRunPaused" | "TeamRunContinued" | "TeamModelRequestStarted" | "TeamModelRequestCompleted" | "TeamToolCallStarted" | "TeamToolCallCompleted" | "TeamToolCallError" | "TeamReasoningStarted" | "TeamReasoningStep" | "TeamReasoningContentDelta" | "TeamReasoningCompleted" | "TeamPreHookStarted" | "TeamPreHookCompleted" | "TeamPostHookStarted" | "TeamPostHookCompleted" | "TeamMemoryUpdateStarted" | "TeamMemoryUpdateCompleted" | "TeamSessionSummaryStarted" | "TeamSessionSummaryCompleted" | "TeamParserModelResponseStarted" | "TeamParserModelResponseCompleted" | "TeamOutputModelResponseStarted" | "TeamOutputModelResponseCompleted" | "TeamCompressionStarted" | "TeamCompressionCompleted" | "TeamTaskIterationStarted" | "TeamTaskIterationCompleted" | "TeamTaskStateUpdated" | "TeamTaskCreated" | "TeamTaskUpdated" | "CustomEvent";
            data: string;
            id?: string;
            retry?: number;
        } & (unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown & unknown);
        WorkflowRunEvent: components["schemas"]["WorkflowStartedEvent"] | components["schemas"]["WorkflowCompletedEvent"] | components["schemas"]["WorkflowCancelledEvent"] | components["schemas"]["WorkflowErrorEvent"] | components["schemas"]["WorkflowAgentStartedEvent"] | components["schemas"]["WorkflowAgentCompletedEvent"] | components["schemas"]["StepStartedEvent"] | components["schemas"]["StepCompletedEvent"] | components["schemas"]["StepOutputEvent"] | components["schemas"]["StepErrorEvent"] | components["schemas"]["StepPausedEvent"] | components["schemas"]["ParallelExecutionStartedEvent"] | components["schemas"]["ParallelExecutionCompletedEvent"] | components["schemas"]["ConditionExecutionStartedEvent"] | components["schemas"]["ConditionExecutionCompletedEvent"] | components["schemas"]["ConditionPausedEvent"] | components["schemas"]["LoopExecutionStartedEvent"] | components["schemas"]["LoopIterationStartedEvent"] | components["schemas"]["LoopIterationCompletedEvent"] | components["schemas"]["LoopExecutionCompletedEvent"] | components["schemas"]["RouterExecutionStartedEvent"] | components["schemas"]["RouterExecutionCompletedEvent"] | components["schemas"]["RouterPausedEvent"] | components["schemas"]["StepsExecutionStartedEvent"] | components["schemas"]["StepsExecutionCompletedEvent"] | components["schemas"]["RunStartedEvent"] | components["schemas"]["RunContentEvent"] | components["schemas"]["RunIntermediateContentEvent"] | components["schemas"]["RunContentCompletedEvent"] | components["schemas"]["RunCompletedEvent"] | components["schemas"]["RunErrorEvent"] | components["schemas"]["RunCancelledEvent"] | components["schemas"]["RunPausedEvent"] | components["schemas"]["RunContinuedEvent"] | components["schemas"]["ModelRequestStartedEvent"] | components["schemas"]["ModelRequestCompletedEvent"] | components["schemas"]["ToolCallStartedEvent"] | components["schemas"]["ToolCallCompletedEvent"] | components["schemas"]["ToolCallErrorEvent"] | components["schemas"]["ReasoningStartedEvent"] | components["schemas"]["ReasoningStepEvent"] | components["schemas"]["ReasoningContentDeltaEvent"] | components["schemas"]["ReasoningCompletedEvent"] | components["schemas"]["PreHookStartedEvent"] | components["schemas"]["PreHookCompletedEvent"] | components["schemas"]["PostHookStartedEvent"] | components["schemas"]["PostHookCompletedEvent"] | components["schemas"]["MemoryUpdateStartedEvent"] | components["schemas"]["MemoryUpdateCompletedEvent"] | components["schemas"]["SessionSummaryStartedEvent"] | components["schemas"]["SessionSummaryCompletedEvent"] | components["schemas"]["ParserModelResponseStartedEvent"] | components["schemas"]["ParserModelResponseCompletedEvent"] | components["schemas"]["OutputModelResponseStartedEvent"] | components["schemas"]["OutputModelResponseCompletedEvent"] | components["schemas"]["CompressionStartedEvent"] | components["schemas"]["CompressionCompletedEvent"] | components["schemas"]["TeamRunStartedEvent"] | components["schemas"]["TeamRunContentEvent"] | components["schemas"]["TeamRunIntermediateContentEvent"] | components["schemas"]["TeamRunContentCompletedEvent"] | components["schemas"]["TeamRunCompletedEvent"] | components["schemas"]["TeamRunErrorEvent"] | components["schemas"]["TeamRunCancelledEvent"] | components["schemas"]["TeamRunPausedEvent"] | components["schemas"]["TeamRunContinuedEvent"] | components["schemas"]["TeamModelRequestStartedEvent"] | components["schemas"]["TeamModelRequestCompletedEvent"] | components["schemas"]["TeamToolCallStartedEvent"] | components["schemas"]["TeamToolCallCompletedEvent"] | components["schemas"]["TeamToolCallErrorEvent"] | components["schemas"]["TeamReasoningStartedEvent"] | components["schemas"]["TeamReasoningStepEvent"] | components["schemas"]["TeamReasoningContentDeltaEvent"] | components["schemas"]["TeamReasoningCompletedEvent"] | components["schemas"]["TeamPreHookStartedEvent"] | components["schemas"]["TeamPreHookCompletedEvent"] | components["schemas"]["TeamPostHookStartedEvent"] | components["schemas"]["TeamPostHookCompletedEvent"] | components["schemas"]["TeamMemoryUpdateStartedEvent"] | components["schemas"]["TeamMemoryUpdateCompletedEvent"] | components["schemas"]["TeamSessionSummaryStartedEvent"] | components["schemas"]["TeamSessionSummaryCompletedEvent"] | components["schemas"]["TeamParserModelResponseStartedEvent"] | components["schemas"]["TeamParserModelResponseCompletedEvent"] | components["schemas"]["TeamOutputModelResponseStartedEvent"] | components["schemas"]["TeamOutputModelResponseCompletedEvent"] | components["schemas"]["TeamCompressionStartedEvent"] | components["schemas"]["TeamCompressionCompletedEvent"] | components["schemas"]["TeamTaskIterationStartedEvent"] | components["schemas"]["TeamTaskIterationCompletedEvent"] | components["schemas"]["TeamTaskStateUpdatedEvent"] | components["schemas"]["TeamTaskCreatedEvent"] | components["schemas"]["TeamTaskUpdatedEvent"] | components["schemas"]["CustomEvent"];
        /** @description What is asked before a step is carried out: a confirmation, input, or a Router's choices. */
        StepRequirement: {
            step_id: string;
            step_name: string | null;
            step_index: number | null;
            step_type: string;
            requires_confirmation: boolean;
            confirmation_message?: string | null;
            confirmed?: boolean | null;
            /** @enum {unknown} */
            on_reject?: "skip" | "cancel" | "else";
            requires_user_input: boolean;
            user_input_message?: string | null;
            user_input?: Record<string, never> | null;
            user_input_schema?: Record<string, never>[] | null;
            requires_route_selection: boolean;
            available_choices?: string[] | null;
            allow_multiple_selections?: boolean;
            selected_choices?: string[] | null;
            step_input?: Record<string, never> | null;
        };
        /** @description What is asked after a step has failed. */
        ErrorRequirement: {
            step_id: string;
            step_name: string | null;
            step_index: number | null;
            error_message: string;
            error_type?: string | null;
            retry_count?: number;
            /** @enum {unknown} */
            decision?: "retry" | "skip" | null;
        };
        /** @enum {unknown} */
        WorkflowRunStatus: "PENDING" | "RUNNING" | "COMPLETED" | "PAUSED" | "CANCELLED" | "ERROR";
        /** @description A whole run: the batch answer, and what is read back of a run. */
        WorkflowRunOutput: {
            /** @description The message; parsed where the workflow has an input_schema. */
            input?: string | Record<string, never> | unknown[] | null;
            /** @description The last step's content: text, or JSON. */
            content?: unknown;
            content_type?: string;
            workflow_id: string;
            workflow_name?: string;
            run_id: string;
            session_id: string;
            user_id?: string;
            created_at: components["schemas"]["UnixSeconds"];
            status: components["schemas"]["WorkflowRunStatus"];
            /** @description Where a paused run waits. */
            paused_step_index?: number;
            paused_step_name?: string;
            /** @description What a paused run waits for. */
            step_requirements?: components["schemas"]["StepRequirement"][];
            /** @description What a run waits for that paused because a step failed. */
            error_requirements?: components["schemas"]["ErrorRequirement"][];
            images?: components["schemas"]["Media"];
            videos?: components["schemas"]["Media"];
            audio?: components["schemas"]["Media"];
            files?: components["schemas"]["Media"];
            step_results?: components["schemas"]["StepOutput"][];
            /** @description The runs of the agents and teams that steps were carried out by. */
            step_executor_runs?: components["schemas"]["StepExecutorRun"][];
            /** @description The stream's events, in a run that was streamed and is read back. */
            events?: Record<string, never>[];
            metrics?: components["schemas"]["WorkflowMetrics"];
            metadata?: Record<string, never>;
        };
        WorkflowMetrics: {
            steps: {
                [key: string]: components["schemas"]["StepMetrics"];
            };
            /** @description Seconds. */
            duration?: number | null;
        };
        StepMetrics: {
            step_name: string;
            executor_type: string;
            executor_name: string;
            metrics?: components["schemas"]["Metrics"] | null;
        };
        /** @description An agent's (agent_id) or a team's (team_id) own run. */
        StepExecutorRun: {
            run_id: string;
            parent_run_id?: string;
            session_id?: string;
            agent_id?: string;
            agent_name?: string;
            team_id?: string;
            team_name?: string;
            content?: unknown;
            content_type?: string;
            model?: string;
            model_provider?: string;
            session_state?: Record<string, never> | null;
            created_at?: components["schemas"]["UnixSeconds"];
            status?: components["schemas"]["WorkflowRunStatus"];
            workflow_step_id?: string;
            metrics?: components["schemas"]["Metrics"];
            messages?: Record<string, never>[];
            tools?: components["schemas"]["ToolExecution"][];
            reasoning_content?: string | null;
            events?: Record<string, never>[];
            input?: Record<string, never> | null;
            member_responses?: Record<string, never>[];
        };
        ApiInfo: {
            name: string;
            id: string;
            version: string;
        };
        HealthResponse: {
            status: string;
            /** Format: date-time */
            instantiated_at: string;
        };
        WorkflowSummaryResponse: {
            /** @description Unique identifier for the workflow */
            id?: string | null;
            /** @description Name of the workflow */
            name?: string | null;
            /** @description Description of the workflow */
            description?: string | null;
            /** @description Database identifier */
            db_id?: string | null;
            /**
             * @description Whether this workflow was created via Builder
             * @default false
             */
            is_component: boolean;
            /** @description Current published version number */
            current_version?: number | null;
            /** @description Stage of the loaded config (draft/published) */
            stage?: string | null;
        };
        /** @enum {string} */
        SessionType: "agent" | "team" | "workflow";
        /** @enum {string} */
        SortOrder: "asc" | "desc";
        PaginationInfo: {
            /**
             * @description Current page number (0-indexed)
             * @default 0
             */
            page: number;
            /**
             * @description Number of items per page
             * @default 20
             */
            limit: number;
            /**
             * @description Total number of pages
             * @default 0
             */
            total_pages: number;
            /**
             * @description Total count of items
             * @default 0
             */
            total_count: number;
            /**
             * @description Search execution time in milliseconds
             * @default 0
             */
            search_time_ms: number;
        };
        PaginatedResponse_SessionSchema_: {
            /** @description List of items for the current page */
            data: components["schemas"]["SessionSchema"][];
            /** @description Pagination metadata */
            meta: components["schemas"]["PaginationInfo"];
        };
        SessionSchema: {
            /** @description Unique identifier for the session */
            session_id: string;
            /** @description Human-readable name for the session */
            session_name: string;
            /** @description Current state data of the session */
            session_state?: Record<string, never> | null;
            /**
             * Format: date-time
             * @description Timestamp when session was created
             */
            created_at?: string | null;
            /**
             * Format: date-time
             * @description Timestamp when session was last updated
             */
            updated_at?: string | null;
        };
        CreateSessionRequest: {
            /** @description Optional session ID (generated if not provided) */
            session_id?: string | null;
            /** @description Name for the session */
            session_name?: string | null;
            /** @description Initial session state */
            session_state?: Record<string, never> | null;
            /** @description Additional metadata */
            metadata?: Record<string, never> | null;
            /** @description User ID associated with the session */
            user_id?: string | null;
            /** @description Agent ID if this is an agent session */
            agent_id?: string | null;
            /** @description Team ID if this is a team session */
            team_id?: string | null;
            /** @description Workflow ID if this is a workflow session */
            workflow_id?: string | null;
        };
        UpdateSessionRequest: {
            /** @description Updated session name */
            session_name?: string | null;
            /** @description Updated session state */
            session_state?: Record<string, never> | null;
            /** @description Updated metadata */
            metadata?: Record<string, never> | null;
            /** @description Session summary */
            summary?: Record<string, never> | null;
        };
        DeleteSessionRequest: {
            /** @description List of session IDs to delete */
            session_ids: string[];
            /** @description Types of sessions to delete */
            session_types: components["schemas"]["SessionType"][];
        };
        Body_rename_session: {
            /** @description New name for the session */
            session_name: string;
        };
        WorkflowSessionDetailSchema: {
            /** @description User ID associated with the session */
            user_id?: string | null;
            /** @description Workflow ID used in this session */
            workflow_id?: string | null;
            /** @description Name of the workflow */
            workflow_name?: string | null;
            /** @description Unique session identifier */
            session_id: string;
            /** @description Human-readable session name */
            session_name: string;
            /** @description Complete session data */
            session_data?: Record<string, never> | null;
            /** @description Current workflow state */
            session_state?: Record<string, never> | null;
            /** @description Workflow-specific data */
            workflow_data?: Record<string, never> | null;
            /** @description Additional metadata */
            metadata?: Record<string, never> | null;
            /**
             * Format: date-time
             * @description Session creation timestamp
             */
            created_at?: string | null;
            /**
             * Format: date-time
             * @description Last update timestamp
             */
            updated_at?: string | null;
        };
        AgentSessionDetailSchema: {
            /** @description User ID associated with the session */
            user_id?: string | null;
            /** @description Unique agent session identifier */
            agent_session_id: string;
            /** @description Session identifier */
            session_id: string;
            /** @description Human-readable session name */
            session_name: string;
            /** @description Summary of session interactions */
            session_summary?: Record<string, never> | null;
            /** @description Current state of the session */
            session_state?: Record<string, never> | null;
            /** @description Agent ID used in this session */
            agent_id?: string | null;
            /** @description Total tokens used in this session */
            total_tokens?: number | null;
            /** @description Agent-specific data */
            agent_data?: Record<string, never> | null;
            /** @description Session metrics */
            metrics?: Record<string, never> | null;
            /** @description Additional metadata */
            metadata?: Record<string, never> | null;
            /** @description Complete chat history */
            chat_history?: Record<string, never>[] | null;
            /**
             * Format: date-time
             * @description Session creation timestamp
             */
            created_at?: string | null;
            /**
             * Format: date-time
             * @description Last update timestamp
             */
            updated_at?: string | null;
        };
        TeamSessionDetailSchema: {
            /** @description Unique session identifier */
            session_id: string;
            /** @description Human-readable session name */
            session_name: string;
            /** @description User ID associated with the session */
            user_id?: string | null;
            /** @description Team ID used in this session */
            team_id?: string | null;
            /** @description Summary of team interactions */
            session_summary?: Record<string, never> | null;
            /** @description Current state of the session */
            session_state?: Record<string, never> | null;
            /** @description Session metrics */
            metrics?: Record<string, never> | null;
            /** @description Team-specific data */
            team_data?: Record<string, never> | null;
            /** @description Additional metadata */
            metadata?: Record<string, never> | null;
            /** @description Complete chat history */
            chat_history?: Record<string, never>[] | null;
            /**
             * Format: date-time
             * @description Session creation timestamp
             */
            created_at?: string | null;
            /**
             * Format: date-time
             * @description Last update timestamp
             */
            updated_at?: string | null;
            /** @description Total tokens used in this session */
            total_tokens?: number | null;
        };
        WorkflowRunSchema: {
            /** @description Unique identifier for the workflow run */
            run_id: string;
            /** @description Input provided to the workflow */
            run_input?: string | null;
            /** @description Events generated during the workflow */
            events?: Record<string, never>[] | null;
            /** @description Workflow ID that was executed */
            workflow_id?: string | null;
            /** @description User ID associated with the run */
            user_id?: string | null;
            /** @description Text, or JSON where the last step answers data. */
            content?: unknown;
            /** @description Type of content returned */
            content_type?: string | null;
            /** @description Status of the workflow run */
            status?: string | null;
            /** @description Results from each workflow step */
            step_results?: Record<string, never>[] | null;
            /** @description Executor runs for each step */
            step_executor_runs?: Record<string, never>[] | null;
            /** @description Performance and usage metrics */
            metrics?: Record<string, never> | null;
            /**
             * Format: date-time
             * @description Run creation timestamp
             */
            created_at?: string | null;
            /** @description Reasoning content if reasoning was enabled */
            reasoning_content?: string | null;
            /** @description List of reasoning steps */
            reasoning_steps?: Record<string, never>[] | null;
            /** @description References cited in the workflow */
            references?: Record<string, never>[] | null;
            /** @description Citations from the model (e.g., from Gemini grounding/search) */
            citations?: Record<string, never> | null;
            /** @description Reasoning process messages */
            reasoning_messages?: Record<string, never>[] | null;
            /** @description Images included in the workflow */
            images?: Record<string, never>[] | null;
            /** @description Videos included in the workflow */
            videos?: Record<string, never>[] | null;
            /** @description Audio files included in the workflow */
            audio?: Record<string, never>[] | null;
            /** @description Files included in the workflow */
            files?: Record<string, never>[] | null;
            /** @description Audio response if generated */
            response_audio?: Record<string, never> | null;
        };
        RunSchema: {
            /** @description Unique identifier for the run */
            run_id: string;
            /** @description Parent run ID if this is a nested run */
            parent_run_id?: string | null;
            /** @description Agent ID that executed this run */
            agent_id?: string | null;
            /** @description User ID associated with the run */
            user_id?: string | null;
            /** @description Run status (PENDING, RUNNING, COMPLETED, ERROR, etc.) */
            status?: string | null;
            /** @description Input provided to the run */
            run_input?: string | null;
            /** @description Text, or JSON where the last step answers data. */
            content?: unknown;
            /** @description Format of the response (text/json) */
            run_response_format?: string | null;
            /** @description Reasoning content if reasoning was enabled */
            reasoning_content?: string | null;
            /** @description List of reasoning steps */
            reasoning_steps?: Record<string, never>[] | null;
            /** @description Performance and usage metrics */
            metrics?: Record<string, never> | null;
            /** @description Message history for the run */
            messages?: Record<string, never>[] | null;
            /** @description Tools used in the run */
            tools?: Record<string, never>[] | null;
            /** @description Events generated during the run */
            events?: Record<string, never>[] | null;
            /**
             * Format: date-time
             * @description Run creation timestamp
             */
            created_at?: string | null;
            /** @description References cited in the run */
            references?: Record<string, never>[] | null;
            /** @description Citations from the model (e.g., from Gemini grounding/search) */
            citations?: Record<string, never> | null;
            /** @description Reasoning process messages */
            reasoning_messages?: Record<string, never>[] | null;
            /** @description Session state at the end of the run */
            session_state?: Record<string, never> | null;
            /** @description Images included in the run */
            images?: Record<string, never>[] | null;
            /** @description Videos included in the run */
            videos?: Record<string, never>[] | null;
            /** @description Audio files included in the run */
            audio?: Record<string, never>[] | null;
            /** @description Files included in the run */
            files?: Record<string, never>[] | null;
            /** @description Audio response if generated */
            response_audio?: Record<string, never> | null;
            /** @description Input media attachments */
            input_media?: Record<string, never> | null;
        };
        TeamRunSchema: {
            /** @description Unique identifier for the team run */
            run_id: string;
            /** @description Parent run ID if this is a nested run */
            parent_run_id?: string | null;
            /** @description Team ID that executed this run */
            team_id?: string | null;
            /** @description Run status (PENDING, RUNNING, COMPLETED, ERROR, etc.) */
            status?: string | null;
            /** @description Text, or JSON where the last step answers data. */
            content?: unknown;
            /** @description Reasoning content if reasoning was enabled */
            reasoning_content?: string | null;
            /** @description List of reasoning steps */
            reasoning_steps?: Record<string, never>[] | null;
            /** @description Input provided to the run */
            run_input?: string | null;
            /** @description Format of the response (text/json) */
            run_response_format?: string | null;
            /** @description Performance and usage metrics */
            metrics?: Record<string, never> | null;
            /** @description Tools used in the run */
            tools?: Record<string, never>[] | null;
            /** @description Message history for the run */
            messages?: Record<string, never>[] | null;
            /** @description Events generated during the run */
            events?: Record<string, never>[] | null;
            /**
             * Format: date-time
             * @description Run creation timestamp
             */
            created_at?: string | null;
            /** @description References cited in the run */
            references?: Record<string, never>[] | null;
            /** @description Citations from the model (e.g., from Gemini grounding/search) */
            citations?: Record<string, never> | null;
            /** @description Reasoning process messages */
            reasoning_messages?: Record<string, never>[] | null;
            /** @description Session state at the end of the run */
            session_state?: Record<string, never> | null;
            /** @description Input media attachments */
            input_media?: Record<string, never> | null;
            /** @description Images included in the run */
            images?: Record<string, never>[] | null;
            /** @description Videos included in the run */
            videos?: Record<string, never>[] | null;
            /** @description Audio files included in the run */
            audio?: Record<string, never>[] | null;
            /** @description Files included in the run */
            files?: Record<string, never>[] | null;
            /** @description Audio response if generated */
            response_audio?: Record<string, never> | null;
        };
        /** @description What this AgentOS serves. Agents, teams and the domains beside workflows and sessions are not described here. */
        ConfigResponse: {
            os_id: string;
            name?: string | null;
            description?: string | null;
            available_models?: string[] | null;
            os_database?: string | null;
            databases: string[];
            chat?: Record<string, never> | null;
            session?: components["schemas"]["DatabaseDomain"];
            metrics?: Record<string, never> | null;
            memory?: Record<string, never> | null;
            knowledge?: Record<string, never> | null;
            evals?: Record<string, never> | null;
            traces?: Record<string, never> | null;
            agents: Record<string, never>[];
            teams: Record<string, never>[];
            workflows: components["schemas"]["WorkflowSummaryResponse"][];
            interfaces: Record<string, never>[];
        };
        DatabaseDomain: {
            display_name?: string | null;
            dbs?: {
                db_id: string;
                domain_config?: Record<string, never> | null;
                tables?: string[] | null;
            }[] | null;
        } | null;
        /** @description A workflow's description. Saved as a file it is a runnable script of this kit. */
        WorkflowResponse: {
            /** @description Unique identifier for the workflow */
            id?: string | null;
            /** @description Name of the workflow */
            name?: string | null;
            /** @description Database identifier */
            db_id?: string | null;
            /** @description Description of the workflow */
            description?: string | null;
            /** @description Input schema for the workflow */
            input_schema?: Record<string, never> | null;
            steps?: components["schemas"]["WorkflowStepDescription"][] | null;
            agent?: Record<string, never> | null;
            team?: Record<string, never> | null;
            /** @description Additional metadata */
            metadata?: Record<string, never> | null;
            /**
             * @description Whether this workflow uses a WorkflowAgent
             * @default false
             */
            workflow_agent: boolean;
            /**
             * @description Whether this workflow was created via Builder
             * @default false
             */
            is_component: boolean;
            /** @description Current published version number */
            current_version?: number | null;
            /** @description Stage of the loaded config (draft/published) */
            stage?: string | null;
        };
        /** @description A step or container; a Router's choices stand under `steps`. */
        WorkflowStepDescription: {
            name?: string;
            description?: string;
            /** @enum {unknown} */
            type: "Step" | "Steps" | "Loop" | "Parallel" | "Condition" | "Router";
            agent?: components["schemas"]["ExecutorDescription"];
            team?: components["schemas"]["ExecutorDescription"];
            steps?: components["schemas"]["WorkflowStepDescription"][];
            /** @description A Condition's other branch; AgentOS 2.5.6 leaves it out. */
            else_steps?: components["schemas"]["WorkflowStepDescription"][];
        };
        /** @description The agent or team that carries a step out. */
        ExecutorDescription: {
            id?: string;
            name?: string;
            model?: {
                name?: string;
                model?: string;
                provider?: string;
            };
            tools?: Record<string, never> | null;
            is_component?: boolean;
            /** @description How a team works. */
            mode?: string | null;
            streaming?: Record<string, never> | null;
            members?: Record<string, never>[];
        };
    };
    responses: {
        /** @description Bad Request */
        BadRequest: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["BadRequestResponse"];
            };
        };
        /** @description Unauthorized */
        Unauthenticated: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["UnauthenticatedResponse"];
            };
        };
        /** @description Not Found */
        NotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["NotFoundResponse"];
            };
        };
        /** @description Validation Error */
        ValidationError: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ValidationErrorResponse"];
            };
        };
        /** @description Internal Server Error */
        InternalServerError: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["InternalServerErrorResponse"];
            };
        };
    };
    parameters: {
        /** @description The workflow's id. */
        WorkflowId: string;
        /** @description The run's id. */
        RunId: string;
        /** @description The session's id. */
        SessionId: string;
        /** @description Whose sessions: agent (the default), team or workflow. */
        SessionType: components["schemas"]["SessionType"];
        /** @description Only what belongs to this user. */
        UserId: string;
        /** @description The database's id, as /config lists them; needed where there are several. */
        DbId: string;
        /** @description The database's table; needs db_id. */
        Table: string;
    };
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    create_workflow_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                workflow_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-www-form-urlencoded": components["schemas"]["Body_create_workflow_run"];
            };
        };
        responses: {
            /** @description Workflow executed successfully */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkflowRunOutput"];
                    /**
                     * @example event: RunStarted
                     *     data: {"content": "Hello!", "run_id": "123..."}
                     */
                    "text/event-stream": components["schemas"]["WorkflowRunServerSentEvent"];
                };
            };
            /** @description Invalid input data or workflow configuration */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BadRequestResponse"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnauthenticatedResponse"];
                };
            };
            /** @description Workflow not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NotFoundResponse"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ValidationErrorResponse"];
                };
            };
            /** @description Workflow execution error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InternalServerErrorResponse"];
                };
            };
        };
    };
    get_api_info: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Its name, id and version */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiInfo"];
                };
            };
        };
    };
    health_check: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The server is up */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthResponse"];
                };
            };
        };
    };
    get_config: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The configuration */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConfigResponse"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    get_workflows: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The workflows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkflowSummaryResponse"][];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    get_agents: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The agents */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>[];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    get_teams: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The teams */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>[];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    get_workflow: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The workflow's id. */
                workflow_id: components["parameters"]["WorkflowId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The workflow */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkflowResponse"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    get_workflow_run: {
        parameters: {
            query: {
                /** @description The session that the run belongs to. */
                session_id: string;
            };
            header?: never;
            path: {
                /** @description The workflow's id. */
                workflow_id: components["parameters"]["WorkflowId"];
                /** @description The run's id. */
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
                    "application/json": components["schemas"]["WorkflowRunOutput"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    cancel_workflow_run: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The workflow's id. */
                workflow_id: components["parameters"]["WorkflowId"];
                /** @description The run's id. */
                run_id: components["parameters"]["RunId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The run ends, or has ended */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    get_sessions: {
        parameters: {
            query?: {
                /** @description Whose sessions: agent (the default), team or workflow. */
                type?: components["parameters"]["SessionType"];
                /** @description Only sessions of this workflow (agent, team). */
                component_id?: string;
                /** @description Only what belongs to this user. */
                user_id?: components["parameters"]["UserId"];
                /** @description Only sessions with this text in their name. */
                session_name?: string;
                /** @description Sessions a page. */
                limit?: number;
                /** @description The page; the first is 1. */
                page?: number;
                /** @description The field to sort by; an unknown one sorts nothing. */
                sort_by?: string;
                /** @description asc or desc. */
                sort_order?: components["schemas"]["SortOrder"];
                /** @description The database's id, as /config lists them; needed where there are several. */
                db_id?: components["parameters"]["DbId"];
                /** @description The database's table; needs db_id. */
                table?: components["parameters"]["Table"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of sessions */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaginatedResponse_SessionSchema_"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    create_session: {
        parameters: {
            query?: {
                /** @description Whose sessions: agent (the default), team or workflow. */
                type?: components["parameters"]["SessionType"];
                /** @description The database's id, as /config lists them; needed where there are several. */
                db_id?: components["parameters"]["DbId"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["CreateSessionRequest"];
            };
        };
        responses: {
            /** @description The session */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentSessionDetailSchema"] | components["schemas"]["TeamSessionDetailSchema"] | components["schemas"]["WorkflowSessionDetailSchema"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    delete_sessions: {
        parameters: {
            query?: {
                /** @description Only what belongs to this user. */
                user_id?: components["parameters"]["UserId"];
                /** @description The database's id, as /config lists them; needed where there are several. */
                db_id?: components["parameters"]["DbId"];
                /** @description The database's table; needs db_id. */
                table?: components["parameters"]["Table"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeleteSessionRequest"];
            };
        };
        responses: {
            /** @description They are gone */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    get_session_by_id: {
        parameters: {
            query?: {
                /** @description Whose sessions: agent (the default), team or workflow. */
                type?: components["parameters"]["SessionType"];
                /** @description Only what belongs to this user. */
                user_id?: components["parameters"]["UserId"];
                /** @description The database's id, as /config lists them; needed where there are several. */
                db_id?: components["parameters"]["DbId"];
                /** @description The database's table; needs db_id. */
                table?: components["parameters"]["Table"];
            };
            header?: never;
            path: {
                /** @description The session's id. */
                session_id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentSessionDetailSchema"] | components["schemas"]["TeamSessionDetailSchema"] | components["schemas"]["WorkflowSessionDetailSchema"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    delete_session: {
        parameters: {
            query?: {
                /** @description Only what belongs to this user. */
                user_id?: components["parameters"]["UserId"];
                /** @description The database's id, as /config lists them; needed where there are several. */
                db_id?: components["parameters"]["DbId"];
                /** @description The database's table; needs db_id. */
                table?: components["parameters"]["Table"];
            };
            header?: never;
            path: {
                /** @description The session's id. */
                session_id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    update_session: {
        parameters: {
            query?: {
                /** @description Whose sessions: agent (the default), team or workflow. */
                type?: components["parameters"]["SessionType"];
                /** @description Only what belongs to this user. */
                user_id?: components["parameters"]["UserId"];
                /** @description The database's id, as /config lists them; needed where there are several. */
                db_id?: components["parameters"]["DbId"];
                /** @description The database's table; needs db_id. */
                table?: components["parameters"]["Table"];
            };
            header?: never;
            path: {
                /** @description The session's id. */
                session_id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateSessionRequest"];
            };
        };
        responses: {
            /** @description The session as it is now */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentSessionDetailSchema"] | components["schemas"]["TeamSessionDetailSchema"] | components["schemas"]["WorkflowSessionDetailSchema"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    get_session_runs: {
        parameters: {
            query?: {
                /** @description Whose sessions: agent (the default), team or workflow. */
                type?: components["parameters"]["SessionType"];
                /** @description Only what belongs to this user. */
                user_id?: components["parameters"]["UserId"];
                /** @description Only runs created at this time (Unix seconds) or later. */
                created_after?: number;
                /** @description Only runs created at this time (Unix seconds) or earlier. */
                created_before?: number;
                /** @description The database's id, as /config lists them; needed where there are several. */
                db_id?: components["parameters"]["DbId"];
                /** @description The database's table; needs db_id. */
                table?: components["parameters"]["Table"];
            };
            header?: never;
            path: {
                /** @description The session's id. */
                session_id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The runs */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": (components["schemas"]["RunSchema"] | components["schemas"]["TeamRunSchema"] | components["schemas"]["WorkflowRunSchema"])[];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    get_session_run: {
        parameters: {
            query?: {
                /** @description Whose sessions: agent (the default), team or workflow. */
                type?: components["parameters"]["SessionType"];
                /** @description Only what belongs to this user. */
                user_id?: components["parameters"]["UserId"];
                /** @description The database's id, as /config lists them; needed where there are several. */
                db_id?: components["parameters"]["DbId"];
                /** @description The database's table; needs db_id. */
                table?: components["parameters"]["Table"];
            };
            header?: never;
            path: {
                /** @description The session's id. */
                session_id: components["parameters"]["SessionId"];
                /** @description The run's id. */
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
                    "application/json": components["schemas"]["RunSchema"] | components["schemas"]["TeamRunSchema"] | components["schemas"]["WorkflowRunSchema"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
    rename_session: {
        parameters: {
            query?: {
                /** @description Whose sessions: agent (the default), team or workflow. */
                type?: components["parameters"]["SessionType"];
                /** @description Only what belongs to this user. */
                user_id?: components["parameters"]["UserId"];
                /** @description The database's id, as /config lists them; needed where there are several. */
                db_id?: components["parameters"]["DbId"];
                /** @description The database's table; needs db_id. */
                table?: components["parameters"]["Table"];
            };
            header?: never;
            path: {
                /** @description The session's id. */
                session_id: components["parameters"]["SessionId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Body_rename_session"];
            };
        };
        responses: {
            /** @description The session as it is now */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentSessionDetailSchema"] | components["schemas"]["TeamSessionDetailSchema"] | components["schemas"]["WorkflowSessionDetailSchema"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthenticated"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["ValidationError"];
            500: components["responses"]["InternalServerError"];
        };
    };
}
