import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useNavigate, useParams } from "react-router";
import { answer, api, useChange, useGet } from "../../api/client";
import { useMay } from "../../app/me";
import { type Column, DataTable } from "../../components/DataTable";
import { isLive, type Job, JobProgress } from "../../components/JobProgress";
import { JobState } from "../../components/JobState";
import { Empty } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { To } from "../../components/To";
import { ago, duration, moment, words } from "../../lib/format";
import { usePages } from "../../lib/paging";

const COLUMNS: Column<Job>[] = [
  {
    id: "title",
    header: "Work",
    cell: (one) => <To href={`/data/jobs/${one.job_id}`}>{one.title}</To>,
    rowHeader: true,
    minWidth: 180,
  },
  { id: "state", header: "State", cell: (one) => <JobState state={one.state} /> },
  { id: "doing", wide: true, header: "Doing", cell: (one) => doing(one), minWidth: 200 },
  { id: "by", wide: true, header: "Started by", cell: (one) => one.created_by },
  { id: "when", header: "Asked for", cell: (one) => <span title={moment(one.created_at)}>{ago(one.created_at)}</span> },
  { id: "took", wide: true, header: "Took", cell: (one) => duration(one.seconds), right: true },
  { id: "kind", header: "Kind", cell: (one) => words(one.kind), optional: true },
];

function doing(job: Job): string {
  if (job.error) return job.error;
  const task = job.tasks?.find((one) => !one.finished) ?? job.tasks?.at(-1);
  return task ? [task.name, task.message].filter(Boolean).join(": ") : "–";
}

export function JobsTab() {
  const { name: id } = useParams();
  return id ? <OneJob id={id} /> : <AllJobs />;
}

function AllJobs() {
  const paging = usePages("jobs");
  const planner = useMay("planner");
  const jobs = useGet(
    "/v1/jobs",
    { params: { query: { limit: 25, cursor: paging.cursor } } },
    {
      staleTime: 0,
      refetchInterval: ({ state }) => ((state.data as { rows: Job[] } | undefined)?.rows.some(isLive) ? 1500 : 15_000),
    },
  );
  return (
    <DataTable
      title="Jobs"
      description="Long work, the newest first. It goes on when this page is closed."
      actions={planner && <StartJob />}
      columns={COLUMNS}
      rows={jobs.data?.rows}
      rowId={(one) => one.job_id}
      loading={jobs.isLoading}
      error={jobs.error}
      onRetry={() => jobs.refetch()}
      pages={paging.pages(jobs.data?.next)}
      preferences="jobs"
      empty={<Empty title="No jobs yet" text="Loads, nightly cycles and trainings show up here." />}
    />
  );
}

function StartJob() {
  const navigate = useNavigate();
  const admin = useMay("admin");
  const { sayProblem } = useNotices();
  const start = useChange(
    (kind: "cycle" | "retrain") => answer(api.POST("/v1/jobs", { body: { kind, parameters: {} } as never })),
    ["/v1/jobs"],
  );
  return (
    <ButtonDropdown
      loading={start.isPending}
      items={[
        { id: "cycle", text: "Forecast and propose orders now" },
        { id: "retrain", text: "Train models again", disabled: !admin, disabledReason: "Admins only" },
      ]}
      onItemClick={({ detail }) =>
        start.mutate(detail.id as "cycle" | "retrain", {
          onSuccess: (job) => navigate(`/data/jobs/${(job as Job).job_id}`),
          onError: sayProblem,
        })
      }
    >
      Run
    </ButtonDropdown>
  );
}

function OneJob({ id }: { id: string }) {
  const job = useGet("/v1/jobs/{job_id}", { params: { path: { job_id: id } } });
  const navigate = useNavigate();
  const planner = useMay("planner");
  const { sayProblem } = useNotices();
  const retry = useChange(
    () => answer(api.POST("/v1/jobs/{job_id}/retry", { params: { path: { job_id: id } } })),
    ["/v1/jobs"],
  );
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={job.data && `Asked for by ${job.data.created_by}, ${moment(job.data.created_at)}`}
          actions={
            <SpaceBetween size="xs" direction="horizontal">
              <Button onClick={() => navigate("/data/jobs")}>All jobs</Button>
              {planner && job.data && !isLive(job.data) && (
                <Button
                  loading={retry.isPending}
                  onClick={() =>
                    retry.mutate(undefined, {
                      onSuccess: (made) => navigate(`/data/jobs/${made.job_id}`),
                      onError: sayProblem,
                    })
                  }
                >
                  Run again
                </Button>
              )}
            </SpaceBetween>
          }
        >
          {job.data?.title ?? "Job"}
        </Header>
      }
    >
      <JobProgress id={id} log />
    </Container>
  );
}
