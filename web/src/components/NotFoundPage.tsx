import Box from "@cloudscape-design/components/box";
import { Page } from "./Page";
import { To } from "./To";

export function NotFoundPage() {
  return (
    <Page title="No such page">
      <Box>
        There is nothing at {location.pathname}. <To href="/today">Go to Today</To>.
      </Box>
    </Page>
  );
}
