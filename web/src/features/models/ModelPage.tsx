import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useParams } from "react-router";
import { useGet } from "../../api/client";
import { DataTable } from "../../components/DataTable";
import { Empty, Loaded } from "../../components/Loaded";
import { Page } from "../../components/Page";
import { bytes, count, day, moment, words } from "../../lib/format";
import { Calibration } from "./AccuracySection";
import { Rails } from "./DecisionsSection";
import { scoreColumns } from "./ModelsPage";

/** The card of one model: what it learnt from, how it did on days it had not seen, what it looks at. */
export default function ModelPage() {
  const { id = "" } = useParams();
  const model = useGet("/v1/models/{model_id}", { params: { path: { model_id: id } } });
  const one = model.data;
  return (
    <Page
      title={one ? one.model : "Model"}
      trail={[{ text: "Models", href: "/models" }]}
      description={
        one && `Learnt until ${day(one.cutoff)}, forecasts ${one.horizon} ${one.frequency === "W" ? "weeks" : "days"}.`
      }
      info={one?.champion ? <Badge color="green">Champion</Badge> : undefined}
    >
      <Loaded query={model} what="the model">
        {(detail) => (
          <SpaceBetween size="l">
            <Container header={<Header variant="h2">What it learnt from</Header>}>
              <KeyValuePairs
                columns={4}
                items={[
                  { label: "History", value: `${day(detail.first_period)} – ${day(detail.last_period)}` },
                  { label: "Series", value: count(detail.series) },
                  { label: "Rows", value: count(detail.rows) },
                  { label: "Trained", value: moment(detail.trained_at) },
                  { label: "Trees", value: count(detail.trees) },
                  { label: "Size", value: bytes(detail.bytes) },
                  { label: "Version", value: `${detail.number} (${detail.model_id})` },
                  { label: "Decision", value: detail.sentence || "Not recorded" },
                ]}
              />
            </Container>
            <DataTable
              title="On days it had not seen"
              description="By kind of series and by how far ahead."
              columns={scoreColumns()}
              rows={detail.held_out}
              rowId={(score) => score.segment}
              loading={false}
              empty={<Empty title="It was not scored" />}
            />
            {detail.comparison && <Rails comparison={detail.comparison} />}
            {detail.calibration.length > 0 && <Calibration points={detail.calibration} />}
            <Container
              header={
                <Header variant="h2" counter={`(${detail.features.length})`}>
                  What it looks at
                </Header>
              }
            >
              <Box>{detail.features.map(words).join(", ") || "Not recorded"}</Box>
            </Container>
            <Container
              header={
                <Header variant="h2" description="With them the data it learnt from can be read again.">
                  Snapshots of its data
                </Header>
              }
            >
              <Box>
                {Object.entries(detail.snapshots)
                  .map(([name, snapshot]) => `${words(name)} ${snapshot}`)
                  .join(", ") || "Not recorded"}
              </Box>
            </Container>
            <ExpandableSection variant="container" headerText="The whole card">
              <pre className="log">{JSON.stringify(detail.card, null, 2)}</pre>
            </ExpandableSection>
          </SpaceBetween>
        )}
      </Loaded>
    </Page>
  );
}
