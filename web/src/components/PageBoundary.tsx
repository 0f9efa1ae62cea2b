import { Component, type ReactNode } from "react";
import { Problem } from "./Problem";

/** A page that breaks shows what happened instead of a blank screen; the navigation keeps working. */
export class PageBoundary extends Component<{ children: ReactNode }, { error?: unknown }> {
  state: { error?: unknown } = {};

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  render() {
    if (this.state.error !== undefined) {
      return <Problem error={this.state.error} onRetry={() => this.setState({ error: undefined })} />;
    }
    return this.props.children;
  }
}
