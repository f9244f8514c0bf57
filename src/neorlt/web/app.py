"""The page's addresses. Each handler asks who is there, finds the case, and lets a room do the work."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, Form, HTTPException, Query, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException

from neorlt.core.errors import NeorltError
from neorlt.core.output import disk_error, write_atomic
from neorlt.jobs.new import template
from neorlt.jobs.registry import action
from neorlt.reporting.drawn import PICTURES
from neorlt.web import audit
from neorlt.web.archive import unpack
from neorlt.web.evidence import FILES, Evidence
from neorlt.web.evidence_review import add_review_pages
from neorlt.web.fields import control_character, wrong_field
from neorlt.web.guard import REPORT_POLICY, Guard
from neorlt.web.jobs import Jobs
from neorlt.web.pages import Pages, other_scheme, pictures_of, view_of
from neorlt.web.paper import make_pdf
from neorlt.web.predictor import Predictor, PredictorError, SchemeError
from neorlt.web.session import COOKIE, CSRF_FIELD, CSRF_HEADER, Session, Sessions
from neorlt.web.settings import Settings
from neorlt.web.store import Case, CaseGoneError, Status, Store, seen_of
from neorlt.web.whatif import scheme_text

_STATIC = Path(__file__).parent / "static"
_MAX_PATIENT_BYTES = 256 * 1024
TITLE = re.compile(r"[\w .,()+-]{1,80}")
"""What a case may be called: letters of any script."""


class NotAdmittedError(Exception):
    """The access token has not been given yet."""


def create_app(settings: Settings) -> FastAPI:
    """Build the server's application.

    Parameters
    ----------
    settings
        Where cases lie, and limits.
    """
    settings.root.mkdir(parents=True, exist_ok=True)
    sessions = Sessions(settings.root, settings.token, settings.session_hours)
    store = Store(settings)
    jobs = Jobs(store, settings.posterior)
    pages = Pages(has_review=settings.review is not None)
    predictor = Predictor()
    evidence = Evidence(settings.root)
    css = pages.render("page.css.j2")

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        jobs.start()
        yield
        jobs.stop()
        predictor.stop()

    app = FastAPI(title="neorlt", docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    app.add_middleware(Guard, settings=settings, sessions=sessions,
                       page=lambda text: pages.render("problem.html.j2", csrf="", text=text, sent=True))
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")

    def who(request: Request) -> Session:
        session = sessions.read(request.cookies.get(COOKIE))
        if session is None:
            session = sessions.new()
            request.state.new_session = session
        if not session.admitted:
            raise NotAdmittedError
        return session

    async def changing(request: Request, session: Annotated[Session, Depends(who)]) -> Session:
        given = request.headers.get(CSRF_HEADER)
        if given is None:
            form = await request.form(max_files=2, max_fields=20)
            field = form.get(CSRF_FIELD)
            given = field if isinstance(field, str) else None
        if not sessions.csrf_is_right(session, given):
            raise HTTPException(403, "The form is out of date: reload the page and send it again.")
        return session

    Reader = Annotated[Session, Depends(who)]
    Writer = Annotated[Session, Depends(changing)]

    def find(name: str, session: Session, *, done: bool = False) -> Case:
        case = store.get(name, session.owner)
        if case is None or (done and case.status is not Status.DONE):
            raise HTTPException(404, "There is no such case.")
        return case

    def own(name: str, session: Session) -> Case:
        """A case that this session may change."""
        case = find(name, session)
        if case.owner is None or case.read_only:
            raise HTTPException(403, "This case is shared with you to read: only its owner changes it.")
        return case

    def trail_of(case: Case) -> list[dict[str, Any]]:
        return audit.against(audit.read(case.trail), case.shown_hashes())

    def keep(case: Case, event: str, seen: str | None, **fields: str) -> None:
        """An entry on what its writer saw: a form tells by ``seen`` what its page showed; a program may leave it out."""
        if case.trail_folder is not None:
            case.trail_folder.mkdir(parents=True, exist_ok=True)
        shown = case.shown_hashes()
        if seen is not None and seen != seen_of(shown):
            raise HTTPException(409, "The plan or its report has changed since this page was opened: nothing was kept. Reload the page, "
                                     "read what it shows now, and send it again.")
        try:
            audit.append(case.trail, event, **fields, **shown)
        except FileNotFoundError as error:
            raise CaseGoneError("the case is no longer there", remedy="go back to the list of cases") from error

    def show(template: str, session: Session | None, **content: Any) -> HTMLResponse:
        csrf = "" if session is None else sessions.csrf(session)
        return HTMLResponse(pages.render(template, csrf=csrf, **content))

    def problem(request: Request, status: int, text: str) -> Response:
        """One sentence on what did not work, in the form that the asker reads."""
        if "hx-request" in request.headers:
            # A part of the page is swapped: a whole page inside it would be wrong.
            return HTMLResponse(pages.render("part_problem.html.j2", text=text), status_code=status)
        if "text/html" in request.headers.get("accept", ""):
            page = pages.render("problem.html.j2", csrf="", text=text, sent=request.method == "POST")
            return HTMLResponse(page, status_code=status)
        return JSONResponse({"error": text}, status_code=status)

    @app.middleware("http")
    async def keep_session(request: Request, call_next: Callable[[Request], Any]) -> Response:
        response: Response = await call_next(request)
        session = getattr(request.state, "new_session", None)
        if session is not None:
            response.set_cookie(
                COOKIE, sessions.cookie(session), max_age=31_536_000, httponly=True, samesite="strict", secure=settings.secure
            )
        return response

    @app.exception_handler(NotAdmittedError)
    async def ask_for_token(request: Request, _: Exception) -> Response:
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(pages.render("login.html.j2", csrf="", wrong=False), status_code=401)
        return problem(request, 401, "An access token is needed: open the page and enter it.")

    # The framework's own too: an address that nothing serves is answered as any other question that has no answer.
    @app.exception_handler(StarletteHTTPException)
    async def say(request: Request, error: Exception) -> Response:
        assert isinstance(error, StarletteHTTPException)
        if not isinstance(error, HTTPException) and error.status_code == 404:
            error.detail = "There is no such page."
        return problem(request, error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def say_which_field(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem(request, 422, wrong_field(error.errors()))

    # What lies on the server cannot be read (a plan, a trail, a review): the reader's request was not at fault.
    @app.exception_handler(NeorltError)
    async def say_what_is_damaged(request: Request, error: Exception) -> Response:
        return problem(request, 404 if isinstance(error, CaseGoneError) else 500, str(error))

    @app.exception_handler(OSError)
    async def say_what_the_disk_says(request: Request, error: Exception) -> Response:
        assert isinstance(error, OSError)
        said = disk_error(error, settings.root)
        if said is None:
            raise error
        return problem(request, 507, str(said))

    @app.get("/favicon.ico")
    async def icon() -> Response:
        """None: a browser asks for one beside a report, which has no picture of its own."""
        return Response(status_code=204)

    @app.get("/page.css")
    def style() -> Response:
        return Response(css, media_type="text/css")

    @app.post("/login")
    def login(request: Request, token: Annotated[str, Form(max_length=200)]) -> Response:
        session = sessions.read(request.cookies.get(COOKIE)) or sessions.new()
        admitted = sessions.admit(session, token)
        if admitted is None:
            return HTMLResponse(pages.render("login.html.j2", csrf="", wrong=True), status_code=401)
        request.state.new_session = admitted
        return RedirectResponse("/", status_code=303)

    @app.post("/logout")
    def log_out(request: Request, session: Writer) -> Response:
        request.state.new_session = sessions.log_out(session)
        return RedirectResponse("/", status_code=303)

    @app.get("/")
    def cases(session: Reader, q: Annotated[str, Query(max_length=80)] = "") -> Response:
        return show("cases.html.j2", session, cases=store.of(session.owner, q), q=q, can_leave=settings.token is not None)

    @app.get(action("new", "/patient.toml").path)
    def empty_patient(session: Reader) -> Response:
        return Response(template("patient.toml"), media_type="application/toml; charset=utf-8")

    @app.get(action("evidence table", "/evidence").path)
    def evidence_page(session: Reader) -> Response:
        made = evidence.is_made
        content = {"body": evidence.fragment(), "summary": evidence.summary()} if made else {"body": None}
        return show("evidence.html.j2", session, **content)

    @app.get("/evidence/{name}")
    def evidence_file(name: str, session: Reader) -> Response:
        try:
            if name == "body":
                return show("evidence_body.html.j2", session, body=evidence.fragment(), summary=evidence.summary())
            if name in FILES:
                return FileResponse(evidence.file(name), media_type=FILES[name])
        except NeorltError as error:
            raise HTTPException(500, str(error)) from error
        raise HTTPException(404, "There is no such file.")

    @app.post(action("plan", "/cases").path)
    def create(
        session: Writer, title: Annotated[str, Form(max_length=80)], patient: UploadFile, study: UploadFile | None = None
    ) -> Response:
        if not TITLE.fullmatch(title) or not title.strip():
            raise HTTPException(422, "A title has letters, digits and . , ( ) + - only, up to 80 of them; never a patient's name.")
        content = patient.file.read(_MAX_PATIENT_BYTES + 1)
        has_study = study is not None and bool(study.size)
        # A field that nobody filled in has no file name. A file without a byte was meant to be used: it is not left out in silence.
        empty = next((one.filename for one in (patient, study) if one is not None and one.filename and not one.size), None)
        if empty is not None:
            raise HTTPException(422, f"{empty} is empty: choose the file again; it may not have been written to its end.")
        if len(content) > _MAX_PATIENT_BYTES or (not content and not has_study):
            raise HTTPException(422, "patient.toml is missing or larger than 256 kB.")

        def fill(folder: Path) -> None:
            if content:
                write_atomic(folder / "patient.toml", content)
            if study is not None and has_study:
                unpack(study.file, folder / "study", settings)

        try:
            case = store.create(session.owner, title, fill)
        except NeorltError as error:
            # Nothing of it is kept: there is no case that could be started on a part of what was sent.
            raise HTTPException(422, str(error)) from error
        audit.append(case.trail, "uploaded", input_sha256=case.manifest()["sha256"], n_files=len(case.manifest()["files"]))
        jobs.submit(case)
        return RedirectResponse(f"/cases/{case.name}", status_code=303)

    @app.post(action("plan", "/cases/{name}/again").path)
    def again(name: str, session: Writer) -> Response:
        case = own(name, session)
        if case.status.can_start:
            try:
                store.verify_input(case)
            except NeorltError as error:
                raise HTTPException(409, str(error)) from error
            jobs.submit(case)
        return RedirectResponse(f"/cases/{name}", status_code=303)

    @app.post("/cases/{name}/cancel")
    def cancel(name: str, session: Writer) -> Response:
        jobs.cancel(own(name, session))
        return RedirectResponse(f"/cases/{name}", status_code=303)

    @app.post("/cases/{name}/delete")
    def delete(name: str, session: Writer, sure: Annotated[str, Form(pattern="^delete$")]) -> Response:
        case = own(name, session)
        jobs.cancel(case)
        store.delete(case)
        return RedirectResponse("/", status_code=303)

    @app.post("/cases/{name}/share")
    def share(name: str, session: Writer) -> Response:
        shared = store.share(own(name, session))
        return show("share.html.j2", session, case=shared)

    @app.get("/cases/{name}")
    def case_page(name: str, session: Reader) -> Response:
        case = find(name, session)
        if case.status is not Status.DONE:
            return show("waiting.html.j2", session, case=case, place=jobs.place(case))
        seen = case.seen()  # before the plan is read: what comes between is refused, not signed
        return show("case.html.j2", session, seen=seen, **pages.case(case))

    @app.get("/cases/{name}/status")
    def status(name: str, session: Reader) -> Response:
        case = find(name, session)
        response = show("status.html.j2", session, case=case, place=jobs.place(case))
        if case.status is Status.DONE:
            response.headers["hx-refresh"] = "true"
        return response

    @app.get(action("plan", "/cases/{name}/plan.json").path)
    def plan(name: str, session: Reader) -> Response:
        return FileResponse(find(name, session, done=True).result / "plan.json", media_type="application/json")

    @app.get(action("plan", "/cases/{name}/report.html").path)
    def report(name: str, session: Reader) -> Response:
        path = find(name, session, done=True).result / "report.html"
        return FileResponse(path, media_type="text/html", headers={"content-security-policy": REPORT_POLICY})

    @app.get(action("plan", "/cases/{name}/report.pdf").path)
    def report_pdf(name: str, session: Reader) -> Response:
        case = find(name, session, done=True)
        made = case.result / "report.pdf"
        if made.is_file():
            return FileResponse(made, media_type="application/pdf")
        try:
            content = make_pdf(case.result)
        except NeorltError as error:
            raise HTTPException(501, str(error)) from error
        return Response(content, media_type="application/pdf")

    @app.get(action("plan", "/cases/{name}/fhir.json").path)
    def fhir(name: str, session: Reader) -> Response:
        from neorlt.reporting.fhir import fhir_bundle

        return JSONResponse(fhir_bundle(find(name, session, done=True).plan()), media_type="application/fhir+json")

    @app.get("/cases/{name}/volumes/{volume}.nii.gz")
    def volume(name: str, volume: str, session: Reader) -> Response:
        case = find(name, session, done=True)
        # Only what the view lists is served: a name in the address is compared, never joined to a path.
        shown = view_of(case)
        listed = {str(row["name"]) for row in (*shown["volumes"], *filter(None, [shown["contours"]]))}
        path = case.view / f"{volume}.nii.gz" if volume in listed else None
        if path is None or not path.is_file():
            raise HTTPException(404, "There is no such image.")
        return FileResponse(path, media_type="application/gzip")

    @app.get("/cases/{name}/detail/{volume}.nii.gz")
    def detail_of(
        name: str, volume: str, session: Reader, x: Annotated[float, Query()], y: Annotated[float, Query()], z: Annotated[float, Query()]
    ) -> Response:
        """A box of the image's own voxels round a place (right-anterior-superior millimetres)."""
        from neorlt.imaging.view import detail

        case = find(name, session, done=True)
        shown = view_of(case)
        rows = {str(row["name"]): row for row in (*shown["volumes"], *filter(None, [shown["contours"]]))}
        row = rows.get(volume)
        if row is None or not all(abs(v) < 1e5 for v in (x, y, z)):
            raise HTTPException(404, "There is no such image.")
        try:
            content = detail(case.view, row, np.array([x, y, z]), labels=row is shown["contours"])
        except (ValueError, OSError) as error:
            raise HTTPException(404, f"Its own voxels cannot be shown: {error}.") from error
        return Response(content, media_type="application/gzip")

    @app.get("/cases/{name}/pictures/{picture}.png")
    def picture(name: str, picture: str, session: Reader) -> Response:
        case = find(name, session, done=True)
        # As for volumes: a name in the address is compared with the list, never joined to a path.
        listed = picture in {row["name"] for row in pictures_of(case)}
        path = case.result / PICTURES / f"{picture}.png" if listed else None
        if path is None or not path.is_file():
            raise HTTPException(404, "There is no such picture.")
        return FileResponse(path, media_type="image/png")

    @app.get("/cases/{name}/view.json")
    def view(name: str, session: Reader) -> Response:
        return JSONResponse(view_of(find(name, session, done=True)))

    @app.post(action("predict", "/cases/{name}/predict").path)
    def predict(
        name: str,
        session: Writer,
        nuclide: Annotated[str, Form(pattern="^[A-Z][a-z]?-[0-9]{1,3}$")],
        cycles: Annotated[int, Form(ge=0, le=8)],
        activity_gbq: Annotated[float, Form(ge=0.001, le=12, allow_inf_nan=False)],
        interval_weeks: Annotated[int, Form(ge=4, le=16)],
        surgery_weeks: Annotated[int, Form(ge=2, le=40)],
        sensitiser: Annotated[str, Form(pattern="^(none|capecitabine|CAPTEM|5-FU)$")],
        beside: Annotated[int, Form(ge=0, le=99)] = 0,
    ) -> Response:
        case = find(name, session, done=True)
        document = case.plan()
        text = scheme_text(nuclide, cycles, activity_gbq, interval_weeks, surgery_weeks, sensitiser)
        try:
            found = predictor.compare(case.result, text, other_scheme(document, beside))
        except SchemeError as error:
            raise HTTPException(422, str(error)) from error
        except PredictorError as error:
            raise HTTPException(503, str(error)) from error
        return show("predicted.html.j2", session, **pages.beside(document, found, beside))

    @app.post("/cases/{name}/sign")
    def sign(
        name: str,
        session: Writer,
        signer: Annotated[str, Form(min_length=2, max_length=80)],
        seen: Annotated[str | None, Form(max_length=64)] = None,
    ) -> Response:
        case = find(name, session, done=True)
        signed = " ".join(signer.split())
        if odd := control_character({"signer": signed}):
            raise HTTPException(422, odd)
        if not signed:
            raise HTTPException(422, "The name is empty: type it and send the form again.")
        keep(case, "signed", seen, name=signed)
        return show("trail.html.j2", session, trail=trail_of(case), case=case)

    @app.post("/cases/{name}/board")
    def board(
        name: str,
        session: Writer,
        choice: Annotated[str, Form(min_length=2, max_length=200)],
        reasons: Annotated[str, Form(max_length=2000)] = "",
        members: Annotated[str, Form(max_length=400)] = "",
        seen: Annotated[str | None, Form(max_length=64)] = None,
    ) -> Response:
        """Keep what the tumour board decided, and why, beside what it saw."""
        case = find(name, session, done=True)
        given = {"choice": choice, "reasons": reasons, "members": members}
        kept = {field: text.replace("\r\n", "\n").strip() for field, text in given.items()}
        if odd := control_character(kept):
            raise HTTPException(422, odd)
        if not kept["choice"]:
            raise HTTPException(422, "The decision is empty: type it and send the form again.")
        keep(case, "decided", seen, **kept)
        return show("trail.html.j2", session, trail=trail_of(case), case=case)

    @app.get("/cases/{name}/audit.json")
    def trail(name: str, session: Reader) -> Response:
        return JSONResponse(audit.read(find(name, session).trail))

    if settings.review is not None:
        add_review_pages(app, settings.review, show, Reader, Writer)
    return app

