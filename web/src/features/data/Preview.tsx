import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Textarea from "@cloudscape-design/components/textarea";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useNavigate } from "react-router";
import { answer, api, type Schemas, useChange, useGet } from "../../api/client";
import { useMay } from "../../app/me";
import { type Column, DataTable } from "../../components/DataTable";
import { Figures } from "../../components/Figures";
import { isLive, JobProgress, useJob } from "../../components/JobProgress";
import { Empty, Loaded } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { count, percent, words } from "../../lib/format";

type View = Schemas["PreviewView"];
type SourceColumn = Schemas["SourceColumnView"];
type Problem = Schemas["RowProblem"];

/** What would become of a file: its columns, its first rows, its problems; then the load itself. */
export function Preview({ id }: { id: string }) {
  const path = { upload_id: id };
  const preview = useGet("/v1/uploads/{upload_id}/preview", { params: { path } });
  return (
    <Loaded query={preview} what="the file">
      {(view) => <Shown view={view} />}
    </Loaded>
  );
}

function Shown({ view }: { view: View }) {
  const navigate = useNavigate();
  const planner = useMay("planner");
  const queries = useQueryClient();
  const { sayProblem } = useNotices();
  const path = { upload_id: view.upload.upload_id };
  const key = ["/v1/uploads/{upload_id}/preview", { path }];
  const [job, setJob] = useState(view.upload.load_job ?? "");
  const mapping = useChange(
    (text: string) =>
      answer(
        text
          ? api.PUT("/v1/uploads/{upload_id}/mapping", { params: { path }, body: { mapping: text } })
          : api.DELETE("/v1/uploads/{upload_id}/mapping", { params: { path } }),
      ),
    [],
  );
  const load = useChange(
    () => answer(api.POST("/v1/loads", { body: { uploads: [view.upload.upload_id], again: false } })),
    ["/v1/jobs", "/v1/uploads"],
  );
  const change = (text: string) =>
    mapping.mutate(text, { onSuccess: (made) => queries.setQueryData(key, made), onError: sayProblem });
  const kept = view.tables.reduce((sum, one) => sum + one.kept, 0);
  return (
    <SpaceBetween size="l">
      <Container
        header={
          <Header
            variant="h2"
            description={`${view.format.toUpperCase()}${view.encoding ? `, ${view.encoding}` : ""}. Judged by its first ${count(view.rows_looked_at)} rows; nothing is loaded yet.`}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button onClick={() => navigate("/data/upload")}>All files</Button>
                {planner && (
                  <Button
                    variant="primary"
                    loading={load.isPending}
                    disabled={!view.tables.length || !kept || mapping.isPending}
                    onClick={() =>
                      load.mutate(undefined, { onSuccess: (started) => setJob(started.job_id), onError: sayProblem })
                    }
                  >
                    {job ? "Load again" : "Load"}
                  </Button>
                )}
              </SpaceBetween>
            }
          >
            {view.upload.name}
          </Header>
        }
      >
        <SpaceBetween size="m">
          {view.tables.length === 0 && (
            <Alert type="warning" header="It isn't clear what this file is">
              Say below what its columns become: a table needs at least its key columns.
            </Alert>
          )}
          <Sure view={view} />
          {view.notes.map((one) => (
            <Alert key={one} type="info">
              {one}
            </Alert>
          ))}
          {job && <LoadResult job={job} />}
        </SpaceBetween>
      </Container>
      <Figures
        items={view.tables.map((one) => ({
          label: words(one.table),
          value: `${count(one.kept)} rows`,
          note: one.quarantined
            ? `${count(one.quarantined)} of ${count(one.rows_in)} would go to quarantine`
            : "all can be used",
        }))}
      />
      <Columns view={view} busy={mapping.isPending} onChange={planner ? change : undefined} />
      <Problems problems={view.problems} />
      {view.tables.map((one) => (
        <Sample key={one.table} table={one} />
      ))}
    </SpaceBetween>
  );
}

function Sure({ view }: { view: View }) {
  const how =
    view.origin === "given"
      ? "You said what its columns mean."
      : view.origin === "kept"
        ? "A file of this shape was loaded before; its mapping is used again."
        : view.confidence >= 0.75
          ? "Its columns were recognised."
          : "Some columns were guessed: check them below.";
  return (
    <Box>
      <StatusIndicator type={view.origin === "inferred" && view.confidence < 0.75 ? "warning" : "success"}>
        {how}
      </StatusIndicator>
      {view.reasons.length > 0 && (
        <ExpandableSection headerText="Why">
          <ul>
            {view.reasons.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
        </ExpandableSection>
      )}
    </Box>
  );
}

function LoadResult({ job }: { job: string }) {
  const one = useJob(job);
  const queries = useQueryClient();
  const done = one.data?.state === "done";
  useEffect(() => {
    if (done)
      void queries.invalidateQueries({ predicate: ({ queryKey }) => !String(queryKey[0]).startsWith("/v1/jobs") });
  }, [done, queries]);
  return (
    <>
      <JobProgress id={job} log={one.data?.state === "failed" || isLive(one.data)} />
      {done && (
        <Alert type="success">
          Loaded. It is used from the next cycle on; start one under Jobs, or wait for the night.
        </Alert>
      )}
    </>
  );
}

interface ColumnsProps {
  view: View;
  busy: boolean;
  onChange?: (mapping: string) => void;
}

const NOT_USED = { value: "", label: "Not used" };

function Columns({ view, busy, onChange }: ColumnsProps) {
  const templates = useGet("/v1/templates", {}, { staleTime: Number.POSITIVE_INFINITY });
  const [text, setText] = useState(view.mapping);
  useEffect(() => setText(view.mapping), [view.mapping]);
  const mine = new Set(view.tables.map((one) => one.table));
  const options = [
    NOT_USED,
    ...[...(templates.data ?? [])]
      .sort((a, b) => Number(mine.has(b.table)) - Number(mine.has(a.table)))
      .map((table) => ({
        label: words(table.table),
        options: table.columns.map((column) => ({
          value: `${table.table}.${column.column}`,
          label: `${words(table.table)}: ${words(column.column).toLowerCase()}`,
          description: column.meaning,
          labelTag: column.needed ? "needed" : undefined,
        })),
      })),
  ];
  async function choose(source: string, target: string) {
    const { withColumn } = await import("./mappingText");
    onChange?.(withColumn(view.mapping, source, target));
  }
  const columns: Column<SourceColumn>[] = [
    { id: "name", header: "Column of the file", cell: (one) => one.name, rowHeader: true, minWidth: 140 },
    {
      id: "examples",
      header: "Looks like",
      cell: (one) => one.examples.slice(0, 3).join(" · ") || "empty",
      wide: true,
      minWidth: 160,
    },
    {
      id: "becomes",
      header: "Becomes",
      minWidth: 220,
      cell: (one) =>
        onChange && one.targets.length <= 1 ? (
          <Select
            ariaLabel={`What ${one.name} becomes`}
            selectedOption={one.targets[0] ? { value: one.targets[0], label: nameOf(one.targets[0]) } : NOT_USED}
            options={options}
            filteringType="auto"
            expandToViewport
            disabled={busy}
            onChange={({ detail }) => choose(one.name, detail.selectedOption.value ?? "")}
          />
        ) : (
          one.targets.map(nameOf).join(", ") || NOT_USED.label
        ),
    },
    { id: "empty", header: "Empty", cell: (one) => percent(one.empty_share), right: true, wide: true },
  ];
  return (
    <DataTable
      title="Columns"
      counter={`(${view.columns.length})`}
      description="What each column of the file becomes. A change is tried at once on the first rows."
      columns={columns}
      rows={view.columns}
      rowId={(one) => one.name}
      loading={false}
      empty={<Empty title="The file has no columns" />}
      footer={
        <ExpandableSection
          headerText="The mapping as text"
          headerDescription="Constants, date formats, one column for each period: what the table above can't say."
        >
          <SpaceBetween size="s">
            <Textarea
              ariaLabel="The mapping as YAML"
              value={text}
              rows={12}
              readOnly={!onChange}
              onChange={({ detail }) => setText(detail.value)}
            />
            {onChange && (
              <SpaceBetween direction="horizontal" size="xs">
                <Button loading={busy} disabled={text === view.mapping} onClick={() => onChange(text)}>
                  Try this
                </Button>
                <Button disabled={busy || view.origin !== "given"} onClick={() => onChange("")}>
                  Back to what was found out
                </Button>
              </SpaceBetween>
            )}
          </SpaceBetween>
        </ExpandableSection>
      }
    />
  );
}

function nameOf(target: string): string {
  const [table, column] = target.split(".");
  return `${words(table)}: ${words(column).toLowerCase()}`;
}

const PROBLEMS: Column<Problem>[] = [
  { id: "line", header: "Line", cell: (one) => count(one.line), right: true, rowHeader: true },
  { id: "column", header: "Column", cell: (one) => one.column || "–" },
  { id: "value", header: "What came", cell: (one) => one.value ?? "nothing" },
  { id: "reason", header: "What is wrong with it", cell: (one) => one.reason, minWidth: 260 },
];

function Problems({ problems }: { problems: Problem[] }) {
  if (!problems.length) return null;
  return (
    <DataTable
      title="Rows that can't be used"
      counter={`(${problems.length})`}
      description="They would go to quarantine, each with its reason; the others are loaded. Mend them later, or mend the file now and drop it again."
      columns={PROBLEMS}
      rows={problems}
      rowId={(one) => `${one.table} ${one.line} ${one.column} ${one.rule}`}
      loading={false}
      empty={null}
    />
  );
}

function Sample({ table }: { table: View["tables"][number] }) {
  const rows = table.rows.map((row, index) => ({ index, row }));
  const columns: Column<(typeof rows)[number]>[] = table.columns.map((name, place) => ({
    id: name,
    header: words(name),
    rowHeader: place === 0,
    cell: ({ row }) => (row[name] === null || row[name] === undefined ? "–" : String(row[name])),
  }));
  return (
    <ExpandableSection
      variant="container"
      headerText={`First rows of ${words(table.table).toLowerCase()} as they would be kept`}
    >
      <DataTable
        variant="embedded"
        title={words(table.table)}
        columns={columns}
        rows={rows}
        rowId={(one) => String(one.index)}
        loading={false}
        empty={<Empty title="No row of the first ones can be used" />}
      />
    </ExpandableSection>
  );
}
