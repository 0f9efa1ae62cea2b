import Container from "@cloudscape-design/components/container";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo } from "react";
import { type Schemas, useGet } from "../../api/client";
import { useAppearance } from "../../app/appearance";
import { calibrationOption } from "../../charts/calibration";
import { EChart } from "../../charts/EChart";
import { linesOption } from "../../charts/lines";
import { paletteOf } from "../../charts/palette";
import { DataTable } from "../../components/DataTable";
import { Empty, Loaded } from "../../components/Loaded";
import { day, percent } from "../../lib/format";
import { scoreColumns } from "./ModelsPage";

type Accuracy = Schemas["Accuracy"];

/** Forecasts in production against what came: over time, calibration, by category. */
export function AccuracySection() {
  const accuracy = useGet("/v1/models/accuracy", {});
  return (
    <Loaded query={accuracy} what="accuracy">
      {(found) =>
        found.over_time.length ? (
          <SpaceBetween size="l">
            <Grid gridDefinition={[{ colspan: { default: 12, m: 7 } }, { colspan: { default: 12, m: 5 } }]}>
              <OverTime accuracy={found} />
              <Calibration points={found.calibration} />
            </Grid>
            <DataTable
              title="By category"
              description="On days that have come since. Days on which stock ran out don't count."
              columns={scoreColumns()}
              rows={found.by_category}
              rowId={(one) => one.segment}
              loading={false}
              empty={<Empty title="Nothing scored yet" />}
            />
          </SpaceBetween>
        ) : (
          <Container header={<Header variant="h2">Forecasts against what came</Header>}>
            <Empty
              title="Nothing to compare yet"
              text="Once days after a forecast have come, this shows how well it did: over time, by category, and whether its bands hold."
            />
          </Container>
        )
      }
    </Loaded>
  );
}

function OverTime({ accuracy }: { accuracy: Accuracy }) {
  const { dark } = useAppearance();
  const points = accuracy.over_time;
  const option = useMemo(() => {
    const colors = paletteOf(dark);
    return linesOption(
      points.map((one) => one.cutoff),
      [
        { name: "Forecast", color: colors.forecast, values: points.map((one) => one.wape ?? null) },
        { name: "Baseline", color: colors.line, values: points.map((one) => one.baseline_wape ?? null), dashed: true },
      ],
      colors,
      "Error (WAPE)",
      (value) => percent(value, 1),
    );
  }, [points, dark]);
  const last = points.at(-1);
  return (
    <Container
      header={
        <Header variant="h2" description="By the last day the forecast knew.">
          Error over time
        </Header>
      }
    >
      <EChart
        option={option}
        height={260}
        label={`Error of forecasts made until ${day(last?.cutoff)}: ${percent(last?.wape, 1)}, baseline ${percent(last?.baseline_wape, 1)}.`}
      />
    </Container>
  );
}

export function Calibration({ points }: { points: Accuracy["calibration"] }) {
  const { dark } = useAppearance();
  const option = useMemo(() => calibrationOption(points, paletteOf(dark)), [points, dark]);
  const worst = points.reduce((most, one) => Math.max(most, Math.abs(one.share - one.level)), 0);
  return (
    <Container
      header={
        <Header variant="h2" description="On the line: a 90 % promise is kept in 90 % of cases.">
          Are the promises kept?
        </Header>
      }
    >
      <EChart
        option={option}
        height={260}
        label={`Calibration: the share of days at or below each quantile is off by ${percent(worst, 1)} at most.`}
      />
    </Container>
  );
}
