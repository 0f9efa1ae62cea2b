import Alert from "@cloudscape-design/components/alert";
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { answer, api, type Schemas, useChange, useGet } from "../../api/client";
import { useMay } from "../../app/me";
import { Confirm } from "../../components/Confirm";
import { type Column, DataTable } from "../../components/DataTable";
import { Figures } from "../../components/Figures";
import { JobProgress } from "../../components/JobProgress";
import { Empty } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { Page } from "../../components/Page";
import { To } from "../../components/To";
import { bytes, count, day, moment, percent, units } from "../../lib/format";
import { ReasonDialog } from "../orders/ReasonDialog";
import { AccuracySection } from "./AccuracySection";
import { DecisionsSection } from "./DecisionsSection";
import { DriftSection } from "./DriftSection";
import { ValueAddedSection } from "./ValueAddedSection";

export type Model = Schemas["ModelView"];

/** The score over everything held out, where the card has one. */
export function overall(model: Model): Schemas["SegmentScore"] | undefined {
  return model.held_out.find((one) => one.segment === "all") ?? model.held_out[0];
}

/** Who forecasts, how well, and who could do better. */
export default function ModelsPage() {
  const models = useGet("/v1/models", {});
  const promotions = useGet("/v1/models/promotions", {});
  const admin = useMay("admin");
  const { say, sayProblem } = useNotices();
  const [promoting, setPromoting] = useState<Model>();
  const [rollingBack, setRollingBack] = useState(false);
  const champion = models.data?.find((one) => one.champion);
  const promote = useChange(
    ({ id, reason }: { id: string; reason: string }) =>
      answer(api.POST("/v1/models/{model_id}/promote", { params: { path: { model_id: id } }, body: { reason } })),
    ["/v1/models"],
  );
  const rollBack = useChange(
    (reason: string) => answer(api.POST("/v1/models/roll-back", { body: { reason } })),
    ["/v1/models"],
  );
  const columns: Column<Model>[] = [
    {
      id: "model",
      header: "Model",
      rowHeader: true,
      minWidth: 170,
      cell: (one) => (
        <>
          <To href={`/models/${one.model_id}`}>{one.model}</To> {one.champion && <Badge color="green">Champion</Badge>}
          {one.challenger && <Badge color="blue">Challenger</Badge>}
        </>
      ),
    },
    { id: "cutoff", header: "Learnt until", cell: (one) => day(one.cutoff) },
    { id: "wape", header: "Error (WAPE)", cell: (one) => percent(overall(one)?.wape, 1), right: true },
    { id: "bias", header: "Bias", cell: (one) => percent(overall(one)?.bias, 1), right: true, wide: true },
    {
      id: "coverage",
      header: "In the 80 % band",
      cell: (one) => percent(overall(one)?.coverage_80, 1),
      right: true,
      wide: true,
      minWidth: 120,
    },
    { id: "series", header: "Series", cell: (one) => count(one.series), right: true, wide: true },
    { id: "trained", header: "Trained", cell: (one) => moment(one.trained_at), wide: true, minWidth: 130 },
    { id: "bytes", header: "Size", cell: (one) => bytes(one.bytes), right: true, optional: true },
    {
      id: "act",
      header: "Promote",
      cell: (one) =>
        admin && !one.champion ? (
          <Button
            variant="inline-link"
            onClick={() => setPromoting(one)}
            ariaLabel={`Promote ${one.model} of ${day(one.cutoff)}`}
          >
            Promote
          </Button>
        ) : (
          "–"
        ),
    },
  ];
  return (
    <Page
      title="Models"
      description="The champion makes the forecasts. A challenger takes over only when somebody, or the retraining rule, finds it better."
      actions={
        admin && (
          <SpaceBetween direction="horizontal" size="xs">
            <Button disabled={(promotions.data?.length ?? 0) < 2} onClick={() => setRollingBack(true)}>
              Roll back
            </Button>
            <Retrain />
          </SpaceBetween>
        )
      }
    >
      <Running />
      {champion && (
        <Figures
          items={[
            {
              label: "Champion",
              value: champion.model,
              href: `/models/${champion.model_id}`,
              note: `learnt until ${day(champion.cutoff)}`,
            },
            {
              label: "Error on held-out days",
              value: percent(overall(champion)?.wape, 1),
              note: "sum of misses over sum of sales (WAPE)",
            },
            { label: "Bias", value: percent(overall(champion)?.bias, 1), note: "above zero: forecasts too much" },
            { label: "In the 80 % band", value: percent(overall(champion)?.coverage_80, 1), note: "should be 80 %" },
          ]}
        />
      )}
      <DataTable
        title="Versions"
        counter={models.data && `(${models.data.length})`}
        columns={columns}
        rows={models.data}
        rowId={(one) => one.model_id}
        loading={models.isLoading}
        error={models.error}
        onRetry={() => models.refetch()}
        preferences="models"
        empty={<Empty title="No model yet" text="The first one is trained with the first cycle." />}
      />
      <DecisionsSection />
      <DriftSection />
      <AccuracySection />
      <ValueAddedSection />
      <Container header={<Header variant="h2">Who took over when</Header>}>
        {promotions.data?.length ? (
          promotions.data.map((one) => (
            <Box key={`${one.at}${one.model_id}`} variant="p">
              {moment(one.at)}: {one.who} made <To href={`/models/${one.model_id}`}>{one.model_id.slice(0, 8)}</To> the
              champion
              {one.reason ? ` – “${one.reason}”` : "."}
            </Box>
          ))
        ) : (
          <Empty title="The first champion still holds" />
        )}
      </Container>
      {promoting && (
        <ReasonDialog
          title={`Make the model of ${day(promoting.cutoff)} the champion?`}
          action="Promote"
          busy={promote.isPending}
          onCancel={() => setPromoting(undefined)}
          onConfirm={(reason) =>
            promote.mutate(
              { id: promoting.model_id, reason },
              {
                onSuccess: () => say("success", "It forecasts from the next cycle on."),
                onError: sayProblem,
                onSettled: () => setPromoting(undefined),
              },
            )
          }
        >
          <Compare a={champion} b={promoting} />
        </ReasonDialog>
      )}
      {rollingBack && (
        <ReasonDialog
          title="Bring the champion before this one back?"
          action="Roll back"
          busy={rollBack.isPending}
          onCancel={() => setRollingBack(false)}
          onConfirm={(reason) =>
            rollBack.mutate(reason, {
              onSuccess: () => say("success", "The champion before this one forecasts from the next cycle on."),
              onError: sayProblem,
              onSettled: () => setRollingBack(false),
            })
          }
        />
      )}
    </Page>
  );
}

function Compare({ a, b }: { a?: Model; b: Model }) {
  if (!a) return null;
  const [now, then] = [overall(a)?.wape, overall(b)?.wape];
  return (
    <Box variant="p">
      Error on held-out days: {percent(now, 1)} now, {percent(then, 1)} with it
      {now != null && then != null ? (then < now ? ": better." : ": not better.") : "."} The two were held out on
      different days where they learnt until different ones.
    </Box>
  );
}

function Retrain() {
  const { say, sayProblem } = useNotices();
  const [asking, ask] = useState(false);
  const start = useChange(
    () => answer(api.POST("/v1/jobs", { body: { kind: "retrain", parameters: { promote: true, reason: "" } } })),
    ["/v1/jobs"],
  );
  return (
    <>
      <Button variant="primary" onClick={() => ask(true)}>
        Retrain
      </Button>
      {asking && (
        <Confirm
          title="Train a challenger now?"
          action="Train"
          busy={start.isPending}
          onCancel={() => ask(false)}
          onConfirm={() =>
            start.mutate(undefined, {
              onSuccess: () => say("success", "Training has begun. Its progress is shown on this page; you can leave."),
              onError: sayProblem,
              onSettled: () => ask(false),
            })
          }
        >
          It learns from all data there is. It takes over only if it surely loses less than the champion on days neither
          had seen and no guard rail speaks against it; else it stays a challenger that you can promote.
        </Confirm>
      )}
    </>
  );
}

function Running() {
  const jobs = useGet(
    "/v1/jobs",
    { params: { query: { kind: "retrain", limit: 1 } } },
    { staleTime: 0, refetchInterval: 5000 },
  );
  const newest = jobs.data?.rows[0];
  if (!newest || newest.state === "done" || newest.state === "cancelled") return null;
  if (newest.state === "failed") {
    return (
      <Alert type="error" header="The last training failed">
        {newest.error} <To href={`/data/jobs/${newest.job_id}`}>See its log</To>
      </Alert>
    );
  }
  return (
    <Container header={<Header variant="h2">Training</Header>}>
      <JobProgress id={newest.job_id} />
    </Container>
  );
}

export function scoreColumns(): Column<Schemas["SegmentScore"]>[] {
  return [
    { id: "segment", header: "Part", cell: (one) => partOf(one.segment), rowHeader: true, minWidth: 160 },
    { id: "wape", header: "Error (WAPE)", cell: (one) => percent(one.wape, 1), right: true },
    { id: "bias", header: "Bias", cell: (one) => percent(one.bias, 1), right: true },
    {
      id: "coverage_80",
      header: "In the 80 % band",
      cell: (one) => percent(one.coverage_80, 1),
      right: true,
      minWidth: 110,
    },
    {
      id: "coverage_95",
      header: "In the 95 % band",
      cell: (one) => percent(one.coverage_95, 1),
      right: true,
      wide: true,
      minWidth: 110,
    },
    { id: "cells", header: "Days scored", cell: (one) => units(one.cells), right: true, wide: true },
  ];
}

function partOf(segment: string): string {
  if (segment === "all") return "All";
  const [name, value] = segment.split("=");
  return value ? `${value} (${name})` : segment;
}
