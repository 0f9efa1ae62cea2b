import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import Toggle from "@cloudscape-design/components/toggle";
import { useState } from "react";
import { answer, api, type Schemas, useChange } from "../../api/client";
import { words } from "../../lib/format";
import type { Schedule } from "./SchedulesTab";

interface Props {
  schedule: Schedule;
  onClose: () => void;
}

/** Edit one schedule; what can't be used is said by the server, in the words of its own. */
export function ScheduleDialog({ schedule, onClose }: Props) {
  const [when, setWhen] = useState(schedule.when);
  const [zone, setZone] = useState(schedule.time_zone);
  const [holidays, setHolidays] = useState(schedule.skip_holidays);
  const [catchUp, setCatchUp] = useState(String(schedule.catch_up_hours));
  const [jitter, setJitter] = useState(String(schedule.jitter_seconds));
  const [parameters, setParameters] = useState(JSON.stringify(schedule.parameters, null, 2));
  const [enabled, setEnabled] = useState(schedule.enabled);
  const given = read(parameters);
  const save = useChange(
    (body: Schemas["ScheduleChange"]) =>
      answer(api.PUT("/v1/schedules/{name}", { params: { path: { name: schedule.name } }, body })),
    ["/v1/schedules", "/v1/audit"],
  );
  return (
    <Modal
      visible
      header={words(schedule.name)}
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={onClose}>Cancel</Button>
            <Button
              variant="primary"
              loading={save.isPending}
              disabled={given === undefined}
              onClick={() =>
                save.mutate(
                  {
                    when,
                    time_zone: zone,
                    skip_holidays: holidays,
                    catch_up_hours: Number(catchUp),
                    jitter_seconds: Number(jitter),
                    parameters: given,
                    enabled,
                  },
                  { onSuccess: onClose },
                )
              }
            >
              Save
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <Toggle checked={enabled} onChange={({ detail }) => setEnabled(detail.checked)}>
          Enabled
        </Toggle>
        <FormField
          label="When"
          constraintText="daily at 02:30 · mon-fri at 06:00, 18:00 · every 15 minutes · day 1, last at 03:00 · 30 2 * * 1-5"
        >
          <Input value={when} onChange={({ detail }) => setWhen(detail.value)} />
        </FormField>
        <FormField label="Time zone" description="Whose clock that means, such as Europe/Berlin.">
          <Input value={zone} onChange={({ detail }) => setZone(detail.value)} />
        </FormField>
        <FormField
          label="Not on holidays of"
          description="Country or region such as DE or DE-BY; empty: every day counts."
        >
          <Input value={holidays} onChange={({ detail }) => setHolidays(detail.value)} />
        </FormField>
        <FormField
          label="Catch up, hours"
          description="After a time off, the newest time still runs if it is no older."
        >
          <Input type="number" value={catchUp} onChange={({ detail }) => setCatchUp(detail.value)} />
        </FormField>
        <FormField label="Spread, seconds" description="Start up to so much later, drawn anew each time.">
          <Input type="number" value={jitter} onChange={({ detail }) => setJitter(detail.value)} />
        </FormField>
        <FormField label="Parameters of the job" errorText={given === undefined && "This is no JSON object."}>
          <Textarea value={parameters} rows={4} onChange={({ detail }) => setParameters(detail.value)} />
        </FormField>
        {save.error && <Alert type="error">{save.error.message}</Alert>}
      </SpaceBetween>
    </Modal>
  );
}

function read(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text || "{}");
    return value !== null && typeof value === "object" && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
