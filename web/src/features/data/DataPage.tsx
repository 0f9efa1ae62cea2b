import Tabs from "@cloudscape-design/components/tabs";
import { useNavigate, useParams } from "react-router";
import { Page } from "../../components/Page";
import { JobsTab } from "./JobsTab";
import { QualityTab } from "./QualityTab";
import { QuarantineTab } from "./QuarantineTab";
import { TablesTab } from "./TablesTab";
import { UploadTab } from "./UploadTab";

/** What is in the lake, how good it is, and what runs. */
export default function DataPage() {
  const { tab = "upload" } = useParams();
  const navigate = useNavigate();
  return (
    <Page title="Data" description="What has been loaded, how fresh and how sound it is, and the work that runs on it.">
      <Tabs
        ariaLabel="Parts of the data page"
        activeTabId={tab}
        onChange={({ detail }) => navigate(`/data/${detail.activeTabId}`)}
        tabs={[
          { id: "upload", label: "Load", content: <UploadTab /> },
          { id: "quality", label: "Quality", content: <QualityTab /> },
          { id: "quarantine", label: "Quarantine", content: <QuarantineTab /> },
          { id: "tables", label: "Tables", content: <TablesTab /> },
          { id: "jobs", label: "Jobs", content: <JobsTab /> },
        ]}
      />
    </Page>
  );
}
