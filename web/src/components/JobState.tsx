import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";

const LOOKS: Record<string, [StatusIndicatorProps.Type, string]> = {
  queued: ["pending", "Waiting"],
  running: ["in-progress", "Running"],
  done: ["success", "Done"],
  failed: ["error", "Failed"],
  cancelled: ["stopped", "Cancelled"],
};

export function JobState({ state }: { state: string }) {
  const [type, text] = LOOKS[state] ?? ["info", state];
  return <StatusIndicator type={type}>{text}</StatusIndicator>;
}
