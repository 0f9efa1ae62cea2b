import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FileDropzone from "@cloudscape-design/components/file-dropzone";
import FileInput from "@cloudscape-design/components/file-input";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { download, type Schemas, useGet } from "../../api/client";
import { sentenceOf } from "../../api/problem";
import { useMay } from "../../app/me";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { To } from "../../components/To";
import { ago, bytes, count, duration, percent, words } from "../../lib/format";
import { usePages } from "../../lib/paging";
import { Preview } from "./Preview";
import { type Sending, send } from "./send";

/** Bring files in: drop them, see what they become, load. */
export function UploadTab() {
  const { name: id } = useParams();
  return id ? <Preview id={id} /> : <Drop />;
}

function Drop() {
  const planner = useMay("planner");
  return (
    <SpaceBetween size="l">
      {planner && <DropZone />}
      <Loads />
    </SpaceBetween>
  );
}

function DropZone() {
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const fixes = search.get("fixes") ?? "";
  const queries = useQueryClient();
  const { sayProblem } = useNotices();
  const templates = useGet("/v1/templates", {}, { staleTime: Number.POSITIVE_INFINITY });
  const [table, setTable] = useState("");
  const [files, setFiles] = useState<File[]>([]);
  const [sending, setSending] = useState<Record<string, Sending>>({});
  const [problems, setProblems] = useState<string[]>([]);
  const busy = Object.values(sending).some((one) => one.doing !== "Done");
  const chosen = templates.data?.find((one) => one.table === table);

  async function start(dropped: File[]) {
    setFiles(dropped);
    setProblems([]);
    setSending({});
    const done: string[] = [];
    for (const file of dropped) {
      try {
        const upload = await send(file, { table, fixes }, (now) => setSending((all) => ({ ...all, [file.name]: now })));
        done.push(upload.upload_id);
      } catch (error) {
        setSending(({ [file.name]: _, ...rest }) => rest);
        setProblems((all) => [...all, `${file.name}: ${sentenceOf(error).detail}`]);
      }
    }
    void queries.invalidateQueries({ queryKey: ["/v1/uploads"] });
    if (done.length === 1 && dropped.length === 1) navigate(`/data/upload/${done[0]}`);
    else setFiles([]);
  }

  return (
    <Container
      header={
        <Header
          variant="h2"
          description={
            fixes
              ? "Drop the mended rows here. They take the place of those in quarantine."
              : "CSV, Excel or Parquet, as your systems write them. What the columns mean is found out and shown before anything is loaded."
          }
        >
          {fixes ? "Bring mended rows" : "Bring files in"}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <FileDropzone onChange={({ detail }) => !busy && start(detail.value)}>
          <Box textAlign="center" padding="m">
            <Box variant="p" color="text-body-secondary">
              Drop files here, or
            </Box>
            <FileInput
              multiple
              value={files}
              ariaLabel="Choose files"
              onChange={({ detail }) => !busy && start(detail.value)}
            >
              Choose files
            </FileInput>
          </Box>
        </FileDropzone>
        {files.map((file) => {
          const now = sending[file.name];
          return (
            now && (
              <ProgressBar
                key={file.name}
                label={file.name}
                description={
                  now.doing === "Reading"
                    ? "Reading it, to find what is here already"
                    : `${bytes(now.share * file.size)} of ${bytes(file.size)}`
                }
                value={100 * now.share}
                status={now.doing === "Done" ? "success" : "in-progress"}
                resultText="Here"
              />
            )
          );
        })}
        {problems.map((one) => (
          <Alert key={one} type="error">
            {one}
          </Alert>
        ))}
        <SpaceBetween direction="horizontal" size="m" alignItems="end">
          <FormField
            label="What the files hold"
            description="Only where you want to say it; otherwise it is found out."
          >
            <Select
              selectedOption={table ? { value: table, label: words(table) } : { value: "", label: "Find out" }}
              options={[
                { value: "", label: "Find out" },
                ...(templates.data ?? []).map((one) => ({
                  value: one.table,
                  label: words(one.table),
                  description: one.meaning,
                })),
              ]}
              filteringType="auto"
              expandToViewport
              onChange={({ detail }) => setTable(detail.selectedOption.value ?? "")}
            />
          </FormField>
          {chosen && (
            <Button
              iconName="download"
              onClick={() => download(`/v1/templates/${table}.csv`, {}, `${table}.csv`).catch(sayProblem)}
            >
              Empty {words(table).toLowerCase()} file
            </Button>
          )}
        </SpaceBetween>
        <Waiting />
      </SpaceBetween>
    </Container>
  );
}

function Waiting() {
  const uploads = useGet("/v1/uploads", { params: { query: { limit: 20 } } });
  const waiting = (uploads.data ?? []).filter((one) => !one.load_job);
  if (!waiting.length) return null;
  return (
    <Box>
      <Box variant="awsui-key-label">Here, not loaded yet</Box>
      {waiting.map((one) => (
        <div key={one.upload_id}>
          <To href={`/data/upload/${one.upload_id}`}>{one.name}</To> · {bytes(one.bytes)} · {one.by},{" "}
          {ago(one.opened_at)}
          {one.state === "receiving" && ` · ${percent(one.received / one.bytes)} sent; drop it again to go on`}
        </div>
      ))}
    </Box>
  );
}

type Load = Schemas["LoadView"];

const LOADS: Column<Load>[] = [
  { id: "source", header: "File", cell: (one) => one.source.split("/").at(-1), rowHeader: true, minWidth: 150 },
  {
    id: "tables",
    header: "Into",
    cell: (one) => one.tables.map((table) => words(table.table)).join(", ") || "–",
    wide: true,
  },
  { id: "in", header: "Rows in", cell: (one) => count(one.rows_in), right: true },
  { id: "kept", header: "Kept", cell: (one) => count(one.kept), right: true },
  {
    id: "bad",
    header: "In quarantine",
    right: true,
    cell: (one) =>
      one.quarantined ? (
        <To href={`/data/quarantine?load=${one.load_id}`}>{count(one.quarantined)}</To>
      ) : (
        count(one.quarantined)
      ),
  },
  { id: "when", header: "When", cell: (one) => ago(one.received_at), wide: true },
  { id: "took", header: "Took", cell: (one) => duration(one.seconds), right: true, optional: true },
  {
    id: "notes",
    header: "Notes",
    cell: (one) => one.error || one.notes.join(" ") || "–",
    optional: true,
    minWidth: 240,
  },
];

function Loads() {
  const paging = usePages("loads");
  const loads = useGet("/v1/loads", { params: { query: { limit: 15, cursor: paging.cursor } } });
  return (
    <DataTable
      title="Loaded"
      description="Rows in = rows kept + rows in quarantine, always."
      columns={LOADS}
      rows={loads.data?.rows}
      rowId={(one) => one.load_id}
      loading={loads.isLoading}
      error={loads.error}
      onRetry={() => loads.refetch()}
      pages={paging.pages(loads.data?.next)}
      preferences="loads"
      empty={<Empty title="Nothing loaded yet" text="Drop your first file above." />}
    />
  );
}
