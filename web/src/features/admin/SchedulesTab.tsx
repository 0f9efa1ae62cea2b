import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { useNavigate } from "react-router";
import { answer, api, type Schemas, useChange, useGet } from "../../api/client";
import { type Column, DataTable } from "../../components/DataTable";
import { JobState } from "../../components/JobState";
import { Empty } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { To } from "../../components/To";
import { moment, words } from "../../lib/format";
import { ScheduleDialog } from "./ScheduleDialog";

export type Schedule = Schemas["ScheduleView"];

const STALE = ["/v1/schedules", "/v1/audit", "/v1/jobs"];

/** What runs by itself, when it comes next, how it went last. */
export function SchedulesTab() {
  const navigate = useNavigate();
  const { say, sayProblem } = useNotices();
  const [editing, setEditing] = useState<Schedule>();
  const schedules = useGet("/v1/schedules", {}, { staleTime: 0, refetchInterval: 15_000 });
  const put = useChange(
    ({ name, body }: { name: string; body: Schemas["ScheduleChange"] }) =>
      answer(api.PUT("/v1/schedules/{name}", { params: { path: { name } }, body })),
    STALE,
  );
  const run = useChange(
    (name: string) => answer(api.POST("/v1/schedules/{name}/run", { params: { path: { name } } })),
    STALE,
  );
  function act(one: Schedule, what: string) {
    if (what === "edit") return setEditing(one);
    if (what === "run")
      return run.mutate(one.name, {
        onSuccess: (job) => navigate(`/data/jobs/${job.job_id}`),
        onError: sayProblem,
      });
    put.mutate(
      { name: one.name, body: { enabled: !one.enabled } },
      {
        onSuccess: () => say("success", `${words(one.name)} is ${one.enabled ? "disabled" : "enabled"}.`),
        onError: sayProblem,
      },
    );
  }
  const columns: Column<Schedule>[] = [
    { id: "name", header: "Schedule", cell: (one) => words(one.name), rowHeader: true, minWidth: 130 },
    { id: "state", header: "State", cell: (one) => <State schedule={one} /> },
    {
      id: "when",
      header: "When",
      cell: (one) =>
        [one.when, one.time_zone, one.skip_holidays && `not on holidays of ${one.skip_holidays}`]
          .filter(Boolean)
          .join(", "),
      minWidth: 170,
    },
    { id: "next", header: "Next", cell: (one) => moment(one.next_runs[0]), minWidth: 130 },
    { id: "last", header: "Last", cell: (one) => <Last schedule={one} />, minWidth: 150 },
    { id: "kind", wide: true, header: "Job", cell: (one) => words(one.kind) },
    { id: "note", wide: true, header: "Note", cell: (one) => one.note || "–", minWidth: 180 },
    {
      id: "actions",
      header: "Change",
      cell: (one) => (
        <ButtonDropdown
          ariaLabel={`Change ${words(one.name)}`}
          variant="inline-icon"
          expandToViewport
          items={[
            { id: "toggle", text: one.enabled ? "Disable" : "Enable" },
            { id: "edit", text: "Edit…" },
            { id: "run", text: "Run now" },
          ]}
          onItemClick={({ detail }) => act(one, detail.id)}
        />
      ),
    },
  ];
  return (
    <>
      <DataTable
        title="Schedules"
        description="Nothing runs by itself until it is enabled. Workers start what is due, and catch up once after a time off."
        columns={columns}
        rows={schedules.data}
        rowId={(one) => one.name}
        loading={schedules.isLoading}
        error={schedules.error}
        onRetry={() => schedules.refetch()}
        empty={<Empty title="No schedules" />}
      />
      {editing && <ScheduleDialog schedule={editing} onClose={() => setEditing(undefined)} />}
    </>
  );
}

function State({ schedule }: { schedule: Schedule }) {
  return schedule.enabled ? (
    <StatusIndicator type="success">Enabled</StatusIndicator>
  ) : (
    <StatusIndicator type="stopped">Disabled</StatusIndicator>
  );
}

function Last({ schedule }: { schedule: Schedule }) {
  if (!schedule.last) return "–";
  return (
    <>
      {moment(schedule.last)}{" "}
      {schedule.last_job_state ? (
        <To href={`/data/jobs/${schedule.last_job}`}>
          <JobState state={schedule.last_job_state} />
        </To>
      ) : (
        <StatusIndicator type="warning">{words(schedule.last_outcome)}</StatusIndicator>
      )}
      {schedule.last_why && <div>{schedule.last_why}</div>}
    </>
  );
}
