import SpaceBetween from "@cloudscape-design/components/space-between";
import { type Schemas, useGet } from "../../api/client";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty, Loaded } from "../../components/Loaded";
import { count, day, percent, words } from "../../lib/format";

type Stage = Schemas["StageValue"];
type Person = Schemas["PersonValue"];

const STAGES: Column<Stage>[] = [
  {
    id: "stage",
    header: "Stage",
    cell: (one) => `${words(one.stage)} against ${one.against}`,
    rowHeader: true,
    minWidth: 180,
  },
  { id: "worth", header: "Value added", cell: (one) => percent(one.value_added, 1), right: true },
  { id: "wape", header: "Error (WAPE)", cell: (one) => percent(one.wape, 1), right: true },
  { id: "before", header: "Error before", cell: (one) => percent(one.wape_against, 1), right: true, wide: true },
  { id: "bias", header: "Bias", cell: (one) => percent(one.bias, 1), right: true, wide: true },
  { id: "cells", header: "Days compared", cell: (one) => count(one.cells), right: true, wide: true },
];

const PEOPLE: Column<Person>[] = [
  { id: "who", header: "Whose overrides", cell: (one) => one.who, rowHeader: true },
  { id: "worth", header: "Value added", cell: (one) => percent(one.value_added, 1), right: true },
  { id: "better", header: "Days made better", cell: (one) => count(one.better), right: true },
  { id: "worse", header: "Days made worse", cell: (one) => count(one.worse), right: true },
  { id: "overrides", header: "Overrides", cell: (one) => count(one.overrides), right: true, wide: true },
  { id: "wape", header: "Error", cell: (one) => percent(one.wape, 1), right: true, wide: true },
  { id: "model", header: "Error of the model", cell: (one) => percent(one.wape_model, 1), right: true, wide: true },
];

/** Did each stage, and each person's overrides, make forecasts better or worse? Only days that have come count. */
export function ValueAddedSection() {
  const worth = useGet("/v1/forecasts/value-added", {});
  return (
    <Loaded query={worth} what="what overrides were worth">
      {(found) => {
        const known = found.stages.filter((one) => one.cells > 0);
        if (!known.length) return null;
        return (
          <SpaceBetween size="l">
            <DataTable
              title="What each stage was worth"
              description={`Forecasts made from ${day(found.first_cutoff)} to ${day(found.last_cutoff)}: the share of error each stage took away; below zero it made things worse.`}
              columns={STAGES}
              rows={known}
              rowId={(one) => `${one.stage} ${one.against}`}
              loading={false}
              empty={null}
            />
            <DataTable
              title="What overrides were worth"
              columns={PEOPLE}
              rows={found.people}
              rowId={(one) => one.who}
              loading={false}
              empty={<Empty title="No override can be judged yet" />}
            />
          </SpaceBetween>
        );
      }}
    </Loaded>
  );
}
