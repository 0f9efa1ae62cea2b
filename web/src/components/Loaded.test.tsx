import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiProblem } from "../api/problem";
import { Loaded } from "./Loaded";

afterEach(cleanup);

const query = (more: object) => ({ data: undefined, error: null, refetch: vi.fn(), ...more }) as never;

describe("what is read from the API", () => {
  it("is announced while it loads", () => {
    render(
      <Loaded query={query({})} what="orders">
        {() => "there"}
      </Loaded>,
    );
    expect(screen.getByRole("status").textContent).toContain("Loading orders");
  });

  it("is shown when it is there, even if a later read fails", () => {
    render(<Loaded query={query({ data: 3, error: new Error("gone") })}>{(value) => `${value} lines`}</Loaded>);
    expect(screen.getByText("3 lines")).toBeTruthy();
  });

  it("says what came and what to do when it can't be had, and tries again", () => {
    const refetch = vi.fn();
    const error = new ApiProblem(422, "Bad input", "cursor 'x' is not one of ours. Use none.");
    render(<Loaded query={query({ error, refetch })}>{() => null}</Loaded>);
    expect(screen.getByText(/not one of ours/)).toBeTruthy();
    fireEvent.click(screen.getByText("Try again"));
    expect(refetch).toHaveBeenCalledOnce();
  });

  it("isn't an error while there is nothing yet", () => {
    const error = new ApiProblem(409, "Not ready", "there are no forecasts yet. Run the cycle first.");
    render(<Loaded query={query({ error })}>{() => null}</Loaded>);
    expect(screen.getByText("Nothing here yet")).toBeTruthy();
    expect(screen.queryByText("Try again")).toBeNull();
  });
});
