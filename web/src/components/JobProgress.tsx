import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { answer, api, type Schemas, useChange, useGet } from "../api/client";
import { duration } from "../lib/format";
import { JobState } from "./JobState";
import { Loaded } from "./Loaded";

export type Job = Schemas["JobView"];

export function isLive(job: Job | undefined): boolean {
  return job?.state === "queued" || job?.state === "running";
}

/** A job that reads itself again each second until it has ended. */
export function useJob(id: string) {
  return useGet(
    "/v1/jobs/{job_id}",
    { params: { path: { job_id: id } } },
    {
      enabled: id !== "",
      staleTime: 0,
      refetchInterval: ({ state }) => (isLive(state.data as Job | undefined) || !state.data ? 1000 : false),
    },
  );
}

/** Progress of a job: its tasks, what it says, a way to stop it. */
export function JobProgress({ id, log = false }: { id: string; log?: boolean }) {
  const job = useJob(id);
  return (
    <Loaded query={job} what="the job">
      {(one) => (
        <SpaceBetween size="s">
          <Tasks job={one} />
          {one.error && (
            <Alert type="error" header="The job failed">
              {one.error}
            </Alert>
          )}
          <JobActions job={one} />
          {log && <JobLog job={one} />}
        </SpaceBetween>
      )}
    </Loaded>
  );
}

function Tasks({ job }: { job: Job }) {
  const tasks = job.tasks ?? [];
  return (
    <div aria-live="polite">
      <Box>
        <JobState state={job.state} />
        {job.seconds ? ` · ${duration(job.seconds)}` : ""}
        {(job.attempt ?? 0) > 1 ? ` · attempt ${job.attempt}` : ""}
      </Box>
      {tasks.map((task) => (
        <ProgressBar
          key={task.name}
          label={task.name}
          description={task.message || undefined}
          value={100 * (task.finished ? 1 : (task.share ?? 0))}
          status={task.finished ? "success" : isLive(job) ? "in-progress" : "error"}
          resultText={task.message || (task.finished ? "Done" : "Not finished")}
          variant="standalone"
        />
      ))}
    </div>
  );
}

function JobActions({ job }: { job: Job }) {
  const cancel = useChange(
    () => answer(api.POST("/v1/jobs/{job_id}/cancel", { params: { path: { job_id: job.job_id } } })),
    ["/v1/jobs"],
  );
  if (!isLive(job)) return null;
  return (
    <Button loading={cancel.isPending} disabled={job.cancel_asked} onClick={() => cancel.mutate(undefined)}>
      {job.cancel_asked ? "Stopping…" : "Cancel"}
    </Button>
  );
}

function JobLog({ job }: { job: Job }) {
  const log = useGet(
    "/v1/jobs/{job_id}/log",
    { params: { path: { job_id: job.job_id } } },
    { staleTime: 0, refetchInterval: isLive(job) ? 2000 : false },
  );
  const lines = log.data?.lines ?? [];
  if (!lines.length) return null;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section aria-label="Log" tabIndex={0} className="log">
      {lines.map((line) => (
        <div key={line.number} data-level={line.level}>
          <time dateTime={line.at}>{new Date(line.at).toLocaleTimeString()}</time> {line.text}
        </div>
      ))}
    </section>
  );
}
