import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useState } from "react";
import { answer, api, type Schemas, useChange, useGet } from "../../api/client";
import { Loaded } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { words } from "../../lib/format";

type Setting = Schemas["Setting"];

export function SettingsTab() {
  const settings = useGet("/v1/settings", {});
  const { say, sayProblem } = useNotices();
  const [edits, setEdits] = useState<Record<string, string>>({});
  const save = useChange(
    (body: Schemas["SettingsChange"]) => answer(api.PATCH("/v1/settings", { body })),
    ["/v1/settings", "/v1/audit"],
  );
  const changed = Object.entries(edits);
  const numeric = (name: string) => typeof settings.data?.find((one) => one.name === name)?.value === "number";
  const bad = changed.find(([name, value]) => numeric(name) && (value.trim() === "" || Number.isNaN(Number(value))));
  return (
    <Loaded query={settings} what="settings">
      {(rows) => (
        <Table<Setting>
          items={[...rows].sort((a, b) => Number(b.editable) - Number(a.editable))}
          trackBy="name"
          wrapLines
          ariaLabels={{ tableLabel: "Settings" }}
          header={
            <Header
              variant="h2"
              description="A change holds from the next job on. Grey ones are set in the server's file or environment."
              actions={
                <SpaceBetween direction="horizontal" size="xs">
                  <Button disabled={!changed.length} onClick={() => setEdits({})}>
                    Undo
                  </Button>
                  <Button
                    variant="primary"
                    disabled={!changed.length || bad !== undefined}
                    disabledReason={bad && `${words(bad[0])} needs a number`}
                    loading={save.isPending}
                    onClick={() =>
                      save.mutate(
                        Object.fromEntries(
                          changed.map(([name, value]) => [name, numeric(name) ? Number(value) : value]),
                        ),
                        {
                          onSuccess: () => {
                            setEdits({});
                            say("success", "Settings are saved.");
                          },
                          onError: sayProblem,
                        },
                      )
                    }
                  >
                    Save
                  </Button>
                </SpaceBetween>
              }
            >
              Settings
            </Header>
          }
          columnDefinitions={[
            { id: "name", header: "Setting", cell: (one) => words(one.name), isRowHeader: true, minWidth: 140 },
            {
              id: "value",
              header: "Value",
              minWidth: 160,
              cell: (one) =>
                one.editable ? (
                  <Input
                    type={typeof one.value === "number" ? "number" : "text"}
                    ariaLabel={words(one.name)}
                    value={edits[one.name] ?? String(one.value)}
                    onChange={({ detail }) =>
                      setEdits(({ [one.name]: _, ...rest }) =>
                        detail.value === String(one.value) ? rest : { ...rest, [one.name]: detail.value },
                      )
                    }
                  />
                ) : (
                  <Box color="text-status-inactive">{String(one.value) || "–"}</Box>
                ),
            },
            { id: "meaning", header: "Meaning", cell: (one) => one.meaning, minWidth: 240 },
            { id: "default", header: "Usually", cell: (one) => String(one.default) || "–", minWidth: 110 },
          ]}
        />
      )}
    </Loaded>
  );
}
