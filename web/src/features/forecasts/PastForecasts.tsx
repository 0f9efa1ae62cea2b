import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { useMemo, useState } from "react";
import { useAppearance } from "../../app/appearance";
import { EChart } from "../../charts/EChart";
import { linesOption } from "../../charts/lines";
import { paletteOf } from "../../charts/palette";
import { Choice } from "../../components/filters";
import { Empty } from "../../components/Loaded";
import { day, percent, signed, units } from "../../lib/format";
import type { SeriesDetail } from "./model";

/** What earlier forecasts said of days that have come since, beside what came. */
export function PastForecasts({ series }: { series: SeriesDetail }) {
  const { dark } = useAppearance();
  const made = useMemo(() => [...new Set(series.past.map((one) => one.cutoff))].sort().reverse(), [series.past]);
  const [picked, setPicked] = useState("");
  const cutoff = made.includes(picked) ? picked : (made.at(-1) ?? "");
  const days = useMemo(() => series.past.filter((one) => one.cutoff === cutoff), [series.past, cutoff]);
  const option = useMemo(() => {
    const colors = paletteOf(dark);
    return linesOption(
      days.map((one) => one.date),
      [
        {
          name: "Forecast then",
          color: colors.forecast,
          values: days.map((one) => one.mean),
          band: {
            low: days.map((one) => one.low ?? null),
            high: days.map((one) => one.high ?? null),
            color: colors.band[1],
          },
        },
        { name: "What came", color: colors.actual, values: days.map((one) => one.actual ?? null) },
      ],
      colors,
      "Units a day",
    );
  }, [days, dark]);
  const known = days.filter((one) => one.actual != null);
  const actual = known.reduce((sum, one) => sum + (one.actual ?? 0), 0);
  const forecast = known.reduce((sum, one) => sum + one.mean, 0);
  const error = known.reduce((sum, one) => sum + Math.abs(one.mean - (one.actual ?? 0)), 0);
  const inside = known.filter(
    (one) => one.low != null && one.high != null && (one.actual ?? 0) >= one.low && (one.actual ?? 0) <= one.high,
  );
  const sentence = known.length
    ? `Of ${units(actual)} units sold since, ${units(forecast)} were expected (${signed(forecast - actual)}); the days were off by ${percent(actual ? error / actual : null)} in sum, and ${percent(inside.length / known.length)} of them fell into the 80 % band.`
    : "";
  return (
    <Container
      header={
        <Header variant="h2" description={sentence || undefined}>
          Past forecasts against what came
        </Header>
      }
    >
      {known.length ? (
        <>
          <Choice
            label="Forecast made from data until"
            value={cutoff}
            options={made.map((value) => ({ value, label: day(value) }))}
            onChange={setPicked}
          />
          <EChart option={option} height={260} label={sentence} />
        </>
      ) : (
        <Empty
          title="No earlier forecast yet"
          text="Once the next day's data is in, this shows how well the forecasts did."
        />
      )}
    </Container>
  );
}
