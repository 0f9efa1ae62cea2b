import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { useMemo } from "react";
import { useGet } from "../../api/client";
import { useAppearance } from "../../app/appearance";
import { EChart } from "../../charts/EChart";
import { paletteOf } from "../../charts/palette";
import { mainDrivers, stackOption } from "../../charts/stackOption";
import { Empty, Loaded } from "../../components/Loaded";
import { signed, words } from "../../lib/format";
import { driverDays, type SeriesDetail } from "./model";

/** Why each day's forecast is what it is: what each driver adds to or takes from the usual level. */
export function Drivers({ series }: { series: SeriesDetail }) {
  const { dark } = useAppearance();
  const explained = useGet("/v1/series/explanation", {
    params: { query: { item_id: series.item_id, location_id: series.location_id, cutoff: series.cutoff } },
  });
  const days = useMemo(() => driverDays(explained.data ?? []), [explained.data]);
  const option = useMemo(() => stackOption(days, paletteOf(dark)), [days, dark]);
  const said = mainDrivers(days, 4)
    .map(
      (name) => `${words(name).toLowerCase()} ${signed(days.reduce((sum, one) => sum + (one.drivers[name] ?? 0), 0))}`,
    )
    .join(", ");
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="What moves each day away from the usual level. The parts add up to the forecast exactly."
        >
          Drivers
        </Header>
      }
    >
      <Loaded query={explained} what="the explanation">
        {() =>
          days.length ? (
            <EChart
              option={option}
              height={320}
              label={`Drivers of the forecast, in units over ${days.length} days: ${said}.`}
            />
          ) : (
            <Empty title="No explanation" text="The model that made this forecast can't be taken apart." />
          )
        }
      </Loaded>
    </Container>
  );
}
