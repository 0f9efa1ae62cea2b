import Badge from "@cloudscape-design/components/badge";
import { type Schemas, useGet } from "../../api/client";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Loaded";
import { To } from "../../components/To";
import { count, day, moment, percent, words } from "../../lib/format";

export type Decision = Schemas["PromotionDecision"];
export type Comparison = Schemas["ComparisonView"];

const CAUSES: Record<string, string> = {
  schedule: "By schedule",
  drift: "Data or forecasts drifted",
  accuracy: "Accuracy fell",
  hand: "By hand",
};

/** Whether each new model took over, and why, in a sentence and with its numbers. */
export function DecisionsSection() {
  const decisions = useGet("/v1/models/decisions", {});
  const columns: Column<Decision>[] = [
    { id: "at", header: "When", cell: (one) => moment(one.at), minWidth: 130 },
    {
      id: "verdict",
      header: "Decision",
      rowHeader: true,
      cell: (one) => (
        <Badge color={one.promoted ? "green" : "grey"}>{one.promoted ? "Took over" : "Champion kept"}</Badge>
      ),
    },
    { id: "sentence", header: "Why", cell: (one) => one.sentence, minWidth: 320 },
    {
      id: "asked",
      header: "Asked for",
      cell: (one) => [CAUSES[one.cause] ?? words(one.cause), one.reason].filter(Boolean).join(": "),
      wide: true,
      minWidth: 180,
    },
    {
      id: "gain",
      header: "Less loss",
      cell: (one) => percent(one.comparison?.gain?.gain, 1),
      right: true,
      wide: true,
    },
    {
      id: "sure",
      header: "Better in draws",
      cell: (one) => percent(one.comparison?.gain?.sure, 0),
      right: true,
      optional: true,
    },
    {
      id: "model",
      header: "Model",
      cell: (one) => <To href={`/models/${one.model_id}`}>{one.model_id.slice(0, 8)}</To>,
      wide: true,
    },
    { id: "by", header: "By", cell: (one) => one.by, optional: true },
  ];
  return (
    <DataTable
      title="Decisions"
      counter={decisions.data && `(${decisions.data.length})`}
      description="A new model takes over only when it surely loses less than the champion on days neither had seen, and no guard rail speaks against it."
      columns={columns}
      rows={decisions.data}
      rowId={(one) => one.decision_id}
      loading={decisions.isLoading}
      error={decisions.error}
      onRetry={() => decisions.refetch()}
      preferences="model-decisions"
      empty={<Empty title="Nothing decided yet" text="The first decision comes with the first training." />}
    />
  );
}

/** The guard rails of one comparison. */
export function Rails({ comparison }: { comparison: Comparison }) {
  const columns: Column<Schemas["RailView"]>[] = [
    { id: "name", header: "Guard rail", rowHeader: true, cell: (one) => words(one.name) },
    {
      id: "holds",
      header: "Holds",
      cell: (one) => <Badge color={one.holds ? "green" : "red"}>{one.holds ? "Holds" : "Broken"}</Badge>,
    },
    { id: "says", header: "Measured", cell: (one) => one.says, minWidth: 280 },
  ];
  return (
    <DataTable
      title="Judged against the champion"
      description={`On ${count(comparison.cells)} cells of ${count(comparison.series)} series from ${day(
        comparison.twin_learnt_until,
      )} to ${day(comparison.judged_until)}. ${comparison.note}`}
      columns={columns}
      rows={comparison.rails}
      rowId={(one) => one.name}
      loading={false}
      empty={<Empty title="No guard rails" />}
    />
  );
}
