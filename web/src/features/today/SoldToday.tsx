import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type Schemas, useGet } from "../../api/client";
import { useConfig } from "../../app/config";
import { To } from "../../components/To";
import { ago, amount, units } from "../../lib/format";

type DaySales = Schemas["DaySales"];
const SHOWN = 5;

/** Sales of the day that is going on, as far as the tills have told; nothing where no till sends events. */
export function SoldToday() {
  const { currency } = useConfig();
  const today = useGet("/v1/sales/today", { params: { query: { limit: 5000 } } }, { refetchInterval: 60_000 });
  const rows = today.data?.rows ?? [];
  if (!rows.length) return null;
  const sold = total(rows, (one) => one.units);
  const revenue = rows.every((one) => one.revenue != null) ? total(rows, (one) => one.revenue ?? 0) : null;
  const newest = rows
    .map((one) => one.last_event_at ?? "")
    .sort()
    .at(-1);
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={newest ? `By the tills' events; the last was rung up ${ago(newest)}.` : "By the tills' events."}
        >
          Sold so far today
        </Header>
      }
    >
      <SpaceBetween size="s">
        <Box variant="p">
          <b>{units(sold)} units</b>
          {revenue != null && `, ${amount(revenue, currency, 0)}`} in{" "}
          {rows.length === 1 ? "1 place" : `${rows.length} places`}
        </Box>
        {rows.slice(0, SHOWN).map((one) => (
          <Place key={one.location_id} sales={one} />
        ))}
      </SpaceBetween>
    </Container>
  );
}

function Place({ sales }: { sales: DaySales }) {
  const expected = sales.expected_units;
  const link = <To href={`/forecasts?location=${encodeURIComponent(sales.location_id)}`}>{sales.location_id}</To>;
  if (!expected) {
    return (
      <div className="item">
        <div>{link}</div>
        <div className="item-value">{units(sales.units)}</div>
      </div>
    );
  }
  return (
    <ProgressBar
      value={Math.min(100, Math.max(0, (100 * sales.units) / expected))}
      label={link}
      additionalInfo={`${units(sales.units)} sold, ${units(expected)} expected of the whole day`}
    />
  );
}

function total(rows: DaySales[], of: (one: DaySales) => number): number {
  return rows.reduce((sum, one) => sum + of(one), 0);
}
