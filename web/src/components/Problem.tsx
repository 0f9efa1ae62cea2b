import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import { sentenceOf } from "../api/problem";

/** An error as a person should read it: what came, what to do; with a way to try again. */
export function Problem({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { title, detail } = sentenceOf(error);
  return (
    <Alert type="error" header={title} action={onRetry ? <Button onClick={onRetry}>Try again</Button> : undefined}>
      {detail}
    </Alert>
  );
}
