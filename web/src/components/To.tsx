import Link, { type LinkProps } from "@cloudscape-design/components/link";
import { useNavigate } from "react-router";

/** A link inside the app. */
export function To({ href, ...more }: LinkProps & { href: string }) {
  const navigate = useNavigate();
  return (
    <Link
      {...more}
      href={href}
      onFollow={(event) => {
        if (event.detail.external) return;
        event.preventDefault();
        navigate(href);
      }}
    />
  );
}
