import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import type { ReactNode } from "react";
import { To } from "./To";

export interface Figure {
  label: string;
  value: ReactNode;
  note?: ReactNode;
  href?: string;
}

/** A few large numbers in a row, each a link to where it comes from. */
export function Figures({ items }: { items: Figure[] }) {
  return (
    <Container>
      <dl className="figures">
        {items.map((one) => (
          <div key={one.label}>
            <dt>
              <Box variant="awsui-key-label">{one.label}</Box>
            </dt>
            <dd>
              {one.href ? (
                <To href={one.href} fontSize="heading-xl" variant="secondary">
                  {one.value}
                </To>
              ) : (
                <Box fontSize="heading-xl" fontWeight="bold">
                  {one.value}
                </Box>
              )}
              {one.note && (
                <Box variant="small" color="text-body-secondary" display="block">
                  {one.note}
                </Box>
              )}
            </dd>
          </div>
        ))}
      </dl>
    </Container>
  );
}
